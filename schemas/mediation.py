"""What a mediation unit may be sent to, as data: criteria of an agency, each with its effective date.

They stand in the agency's file under ``[[mediation]]``. A call is judged by the criteria in force at call
time, so a change never rewrites the past; before the first effective date nothing is suitable.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from schemas.times import MINUTE, SECOND, Micros, micros, moment

Weekday = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
_DAYS: tuple[Weekday, ...] = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MIDNIGHT = 24 * 3600
_KEPT = 100_000
_FIRST, _LAST = micros(datetime(2, 1, 1, tzinfo=UTC)), micros(datetime(9998, 1, 1, tzinfo=UTC))
"""Local time ends with the years 1 and 9999; nobody is in service beyond."""

QUARTER_S = 900
_QUARTERS_SINCE = micros(datetime(1980, 1, 1, tzinfo=UTC))
"""From here on every zone is off UTC by whole quarters of an hour; Kiritimati was the last that was not."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, ignored_types=(cached_property,))


def _seconds(text: str) -> int:
    """Seconds after midnight of ``HH:MM``; ``24:00`` is the midnight that ends the day."""
    hours, colon, minutes = text.partition(":")
    if not (colon and len(hours) == len(minutes) == 2 and (hours + minutes).isdigit()):
        raise ValueError(f"{text!r} is no time of day; write HH:MM, 24:00 for the midnight that ends the day")
    seconds = int(hours) * 3600 + int(minutes) * 60
    if int(minutes) > 59 or seconds > _MIDNIGHT:
        raise ValueError(f"{text!r} is no time of day")
    return seconds


class Hours(_Strict):
    """Service hours of some weekdays, local wall time: from the first second on, up to ``to``, which is out.

    Attributes:
        opens, closes: ``HH:MM``. ``24:00`` closes at midnight; a closing at or before the opening is the next
            day's.
    """

    days: tuple[Weekday, ...] = Field(min_length=1)
    opens: str = Field(alias="from")
    closes: str = Field(alias="to")

    @field_validator("opens", "closes")
    @classmethod
    def _a_time_of_day(cls, value: str) -> str:
        _seconds(value)
        return value

    @cached_property
    def span(self) -> tuple[int, int]:
        """Seconds after the opening day's midnight, from and to."""
        opens, closes = _seconds(self.opens), _seconds(self.closes)
        return opens, closes if closes > opens else closes + _MIDNIGHT


class CallType(_Strict):
    """What the agency states of one of its own call types.

    Attributes:
        suitable: in the criteria when it is the call's initial type.
        suitable_final: the same as final type; absent: as ``suitable``.
        centric: the unit's own type, which police would not have had.
        police_share_percent: of such calls, the share police would have gone to.
        police_minutes: officer-minutes that such a call takes police, all officers together.
    """

    name: str = Field(min_length=1, max_length=256)
    suitable: bool = True
    suitable_final: bool | None = None
    centric: bool = False
    police_share_percent: int = Field(default=0, ge=0, le=100)
    police_minutes: int = Field(default=0, ge=0, le=10_000)


_UNLISTED = CallType(name="-", suitable=False)
InService = Literal["in_service", "out_of_hours", "out_of_area"]


class Criteria(_Strict):
    """What holds from ``effective_from`` (local date) until the next criteria.

    Attributes:
        types: what is stated of each type; a type not listed is not suitable, and police hours are not
            claimed for it.
        hours: service hours; a holiday's are none.
        area_by: the attribute of an incident that says its area.
        areas: the service area, as values of it; empty: everywhere.
        public_unless_said: whether an incident that says nothing of who began it is a caller's.
        assumption: where shares and minutes come from, in words; published beside the police hours saved.
        source: where the rest comes from, for people.
    """

    effective_from: date
    types: tuple[CallType, ...] = Field(min_length=1)
    hours: tuple[Hours, ...] = Field(min_length=1)
    holidays: tuple[date, ...] = ()
    area_by: Literal["zone", "station_area", "battalion"] = "zone"
    areas: tuple[str, ...] = ()
    public_unless_said: bool = True
    assumption: str = Field(min_length=1)
    source: str = ""

    @model_validator(mode="after")
    def _each_once(self) -> Criteria:
        names = [t.name for t in self.types]
        if len(names) != len(set(names)):
            raise ValueError("a call type is listed twice")
        return self

    @cached_property
    def _by_name(self) -> dict[str, CallType]:
        return {t.name: t for t in self.types}

    @cached_property
    def _holidays(self) -> frozenset[date]:
        return frozenset(self.holidays)

    @cached_property
    def _areas(self) -> frozenset[str]:
        return frozenset(self.areas)

    def stated(self, type_: str) -> CallType:
        """What is stated of a type; of one not listed, that it is not suitable."""
        return self._by_name.get(type_, _UNLISTED)

    def suitable(self, type_: str) -> bool:
        """Whether a call of this initial type is in the criteria."""
        return self.stated(type_).suitable

    def suitable_final(self, type_: str) -> bool:
        """Whether a call of this final type is in the criteria."""
        stated = self.stated(type_)
        return stated.suitable if stated.suitable_final is None else stated.suitable_final

    @cached_property
    def _open(self) -> dict[tuple[Micros, int], bool]:
        """What was already asked for, by grain and number."""
        return {}

    @cached_property
    def _grain(self) -> Micros:
        """Hours begin and end with so long a step of wall time: a quarter of an hour, or with any minute."""
        quarters = all(at % QUARTER_S == 0 for hours in self.hours for at in hours.span)
        return QUARTER_S * SECOND if quarters else MINUTE

    def open_at(self, instant: Micros, zone: ZoneInfo) -> bool:
        """Whether an instant is within service hours: local wall time, the closing second outside.

        ``zone`` is the agency's, always the same one.
        """
        grain = self._grain if instant >= _QUARTERS_SINCE else MINUTE
        asked, kept = (grain, instant // grain), self._open
        known = kept.get(asked)
        if known is None:
            if len(kept) >= _KEPT:
                kept.clear()
            known = kept[asked] = self._opens_at(instant, zone)
        return known

    def _opens_at(self, instant: Micros, zone: ZoneInfo) -> bool:
        if not _FIRST <= instant < _LAST:
            return False
        local = moment(instant).astimezone(zone)
        since_midnight = local.hour * 3600 + local.minute * 60 + local.second
        for back in (0, 1):  # hours that began yesterday may run past midnight
            day = local.date() - timedelta(days=back)
            if day in self._holidays:
                continue
            weekday = _DAYS[day.weekday()]
            since = since_midnight + back * _MIDNIGHT  # by the clock on the wall
            for hours in self.hours:
                opens, closes = hours.span
                if weekday in hours.days and opens <= since < closes:
                    return True
        return False

    def in_service(self, instant: Micros, area: str, zone: ZoneInfo) -> InService:
        """Whether a call came within hours and area; hours are tried before area."""
        if not self.open_at(instant, zone):
            return "out_of_hours"
        return "in_service" if not self.areas or area in self._areas else "out_of_area"
