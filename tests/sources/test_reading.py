"""Files to rows: what is bad is named with its place, and takes nothing else with it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import BadInput
from sources.problems import Reason
from sources.profile import FileFormat
from sources.reading import LINE_BYTES_MAX, Export, Row, opened, positions
from tests.sources.makings import a_profile, an_export, mapped, read


def test_rows_know_the_line_they_begin_at() -> None:
    """Line breaks inside quotes count; blank lines are no rows; both line ends are ends."""
    rows, problems = read('a,b\r\n1,"x\ny"\r\n\r\n2,z\n')

    assert problems == []
    assert [Row(2, ["1", "x\ny"]), Row(5, ["2", "z"])] == rows


def test_a_byte_order_mark_is_no_part_of_the_first_column() -> None:
    """As Excel writes it."""
    assert an_export(b"\xef\xbb\xbfa,b\n1,2\n").header == ["a", "b"]


def test_a_byte_order_mark_in_a_file_said_to_be_latin_1_is_an_error() -> None:
    """The profile is wrong about the encoding, and every accent would be too."""
    with pytest.raises(BadInput, match="begins with the mark of UTF-8, but the profile says"):
        an_export(b"\xef\xbb\xbfa,b\n", FileFormat(encoding="latin-1"))


def test_utf_16_is_refused_with_the_mend() -> None:
    """Excel's "Unicode text"."""
    with pytest.raises(BadInput, match="iconv"):
        an_export("a,b\n".encode("utf-16"))


def test_bytes_that_are_not_in_the_encoding_cost_their_row_alone() -> None:
    """Named with byte and line; the byte is counted from the start of the file, mark included."""
    rows, problems = read(b"\xef\xbb\xbfa,b\n1,x\n2,\xff\n3,z\n")

    assert [r.cells[0] for r in rows] == ["1", "3"]
    assert [(p.line, p.reason, p.whole_row) for p in problems] == [(3, Reason.NOT_DECODABLE, True)]
    assert problems[0].detail == "byte 0xff at byte 13 (line 3) is not utf-8"


def test_a_null_byte_costs_its_row_alone() -> None:
    """Named with its place."""
    rows, problems = read(b"a,b\n1,\0\n2,y\n")

    assert [r.cells[0] for r in rows] == ["2"]
    assert [(p.line, p.reason, p.detail) for p in problems] == [
        (2, Reason.NUL_BYTE, "a null byte at byte 6 (line 2)")
    ]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("1", Reason.WRONG_COLUMN_COUNT),
        ("1,2,3", Reason.WRONG_COLUMN_COUNT),
        ('"1"x,2', Reason.BAD_QUOTING),
        ('1,"never closed', Reason.BAD_QUOTING),
        ('"', Reason.BAD_QUOTING),
    ],
)
def test_a_bad_row_costs_no_other(bad: str, reason: Reason) -> None:
    """Even where its quote would swallow every line after it."""
    rows, problems = read("a,b\n0,first\n" + bad + "\n" + "".join(f"{i},x\n" for i in range(50)))

    assert ["0", *map(str, range(50))] == [r.cells[0] for r in rows]
    assert [(3, reason)] == [(p.line, p.reason) for p in problems]


def test_a_stray_quote_before_quoted_rows_costs_one_row() -> None:
    """The swallowed lines have quotes of their own, one of which seems to close the stray one."""
    rows, problems = read('a,b\n"1,x\n2,"y"\n3,"z"\n')

    assert [r.cells[0] for r in rows] == ["2", "3"]
    assert [p.line for p in problems] == [2]


def test_a_quote_left_open_in_a_large_file_costs_one_row() -> None:
    """It is given up after 128 KiB, and the lines it took are read again."""
    body = "".join(f"{i},{'x' * 90}\n" for i in range(3_000))

    rows, problems = read('a,b\n"stray,x\n' + body)

    assert len(rows) == 3_000
    assert [(p.line, p.detail) for p in problems] == [(2, "a quote is opened and not closed for 128 KiB")]


def test_a_line_without_end_costs_itself() -> None:
    """Memory is bounded: the rest of the line is passed over."""
    rows, problems = read(b"a,b\n1,x\n2," + b"y" * (3 * LINE_BYTES_MAX) + b"\n3,z\n")

    assert [(r.line, r.cells[0]) for r in rows] == [(2, "1"), (4, "3")]
    assert [(p.line, p.reason) for p in problems] == [(3, Reason.ROW_TOO_LONG)]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_a_named_error(content: bytes) -> None:
    """Not zero rows: someone exported nothing."""
    with pytest.raises(BadInput, match="empty: not even a header"):
        an_export(content)


def test_a_missing_column_is_named_with_what_is_there() -> None:
    """And with what it is for, and the likeliest new name."""
    with pytest.raises(BadInput) as caught:
        mapped("call,unit,received,dispatch,arrived\n", a_profile())

    assert caught.value.message == (
        "calls.csv: profile basic wants what the header lacks: column 'dispatched' (dispatch), perhaps now"
        " 'dispatch'. There is: call, unit, received, dispatch, arrived"
    )


def test_a_wrong_delimiter_is_guessed() -> None:
    """One column alone is the sign of it."""
    with pytest.raises(BadInput, match=r"is ',' the delimiter\?"):
        mapped("call;unit;received\n", a_profile())


def test_a_column_that_is_there_twice_is_refused_if_it_is_read() -> None:
    """Which of the two would be a guess; others may be double."""
    with pytest.raises(BadInput, match="'unit' more than once"):
        mapped("call,unit,unit,received,dispatched,arrived\n", a_profile())

    assert mapped("call,unit,x,x,received,dispatched,arrived\n", a_profile()) == []


def test_columns_may_come_in_any_order() -> None:
    """They are found by name; others are passed over."""
    export = an_export("x,arrived,dispatched,received,unit, call \n")

    assert positions(export, a_profile()) == {
        "call": 5,
        "unit": 4,
        "received": 3,
        "dispatched": 2,
        "arrived": 1,
    }


def test_gzip_is_noticed(tmp_path: Path) -> None:
    """By its first bytes, whatever the file is called."""
    path = tmp_path / "calls.csv"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n"))

    with opened(path) as file:
        assert [Row(2, ["1", "2"])] == list(Export(file, FileFormat()).rows())


@pytest.mark.parametrize("cut", [-10, 40])
def test_a_damaged_gzip_is_a_named_error(tmp_path: Path, cut: int) -> None:
    """Cut off at its end or inside."""
    path = tmp_path / "calls.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"".join(b"%d,2\n" % i for i in range(9_999)))[:cut])

    with pytest.raises(BadInput, match="ends too early"), opened(path) as file:
        list(Export(file, FileFormat()).rows())


def test_a_file_that_is_not_there_is_a_named_error(tmp_path: Path) -> None:
    """Nor is a folder a file."""
    with pytest.raises(BadInput, match="No such file"), opened(tmp_path / "none.csv"):
        pass
    with pytest.raises(BadInput, match="Is a directory"), opened(tmp_path):
        pass


_GOOD = b'7,E1,2017-01-01 00:00:00,2017-01-01 00:01:00,"2017-01-01 00:05:00"\n'


@settings(max_examples=300)
@given(st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\n", b"").replace(b",", b"")), max_size=12))
def test_wild_bytes_between_good_rows_cost_no_good_row(garbage: list[bytes]) -> None:
    """Every good row is read, every other is bad with a reason, nothing raises."""
    content = b"call,unit,received,dispatched,arrived\n" + b"".join(g + b"\n" + _GOOD for g in garbage)

    rows, problems = read(content)

    assert len(garbage) == sum(r.cells[0].strip().endswith("7") for r in rows)
    assert all(p.whole_row and p.detail for p in problems)


@settings(max_examples=300)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from(
                [_GOOD, b'"', b",", b"\n", b"\0", b"\xff", b"2017-01-01 00:00:00", b"9999-12-31 23:59:59"]
            ),
        ),
        max_size=30,
    ).map(b"".join)
)
def test_wild_files_are_rows_that_are_good_or_bad_with_a_reason(content: bytes) -> None:
    """Through reader and mapper: no crash, and no row without events or a reason."""
    for result in mapped(b"call,unit,received,dispatched,arrived\n" + content, a_profile()):
        assert result.drafts or any(p.whole_row for p in result.problems)
        assert all(p.reason and p.detail for p in result.problems)
