"""The contract table: every convention of the API, with its proof and the way to switch it off."""

from tests.contract.reading_conventions import READING

TABLE = (*READING,)
