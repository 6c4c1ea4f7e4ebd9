"""The contract table: every convention of the API, with its proof and the way to switch it off."""

from tests.contract.edge_conventions import EDGE
from tests.contract.filter_conventions import FILTERS
from tests.contract.history_conventions import HISTORY
from tests.contract.problem_conventions import PROBLEMS
from tests.contract.reading_conventions import READING
from tests.contract.retry_conventions import RETRY
from tests.contract.view_conventions import VIEWS
from tests.contract.writing_conventions import WRITING

TABLE = (*READING, *FILTERS, *HISTORY, *WRITING, *RETRY, *PROBLEMS, *EDGE, *VIEWS)
