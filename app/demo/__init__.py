"""`crm demo`: a sample sales pipeline, read from CSV files and loaded as any client would, over HTTP.

Nothing here imports the rest of the product, so what the demo can do, every other client can.
"""

from app.demo.failure import LoadFailed
from app.demo.furnishing import furnish
from app.demo.key import unlimited_key
from app.demo.loading import SHIPPED, load, mapping_of
from app.demo.report import Report, in_words
from app.demo.tour import tour

__all__ = ["SHIPPED", "LoadFailed", "Report", "furnish", "in_words", "load", "mapping_of", "tour", "unlimited_key"]
