from app.domain.kernel.work import Family, WorkKind

EXPIRY = WorkKind(name="leadSubmission.expiry", family=Family.checks)
"""What nobody has confirmed in time is erased; its key is the id of the submission."""
