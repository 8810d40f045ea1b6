"""Our dashboards as code; ``python -m tools.dashboards`` writes deploy/grafana/dashboards/."""

from tools.dashboards.breaches import BREACHES
from tools.dashboards.kit import Board
from tools.dashboards.mediation import MEDIATION
from tools.dashboards.operations import OPERATIONS
from tools.dashboards.pipeline import PIPELINE
from tools.dashboards.response_times import RESPONSE_TIMES

BOARDS: tuple[Board, ...] = (OPERATIONS, RESPONSE_TIMES, MEDIATION, BREACHES, PIPELINE)
