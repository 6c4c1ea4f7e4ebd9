"""`crm demo load`: a sample sales pipeline, read from CSV files and loaded as any client would, over HTTP.

Nothing here imports the rest of the product, so what the demo can do, every other client can.
"""

from app.demo.failure import LoadFailed
from app.demo.key import unlimited_key
from app.demo.loading import SHIPPED, load
from app.demo.report import Report

__all__ = ["SHIPPED", "LoadFailed", "Report", "load", "unlimited_key"]
