from app.domain.kernel.work import Family, WorkKind

SUBSCRIBER = "webhooks"
DELIVERY = WorkKind(name="webhook.delivery", family=Family.webhooks)
"""One request of one delivery; its target is the id of the endpoint."""
TEST = WorkKind(name="webhookTest", family=Family.webhooks)
"""One request that tells of nothing, and of whose answer a job tells. What is tried again is to tell, not to ask."""

REPLAY = "webhookReplay"
TEST_JOB = TEST.name
"""Kinds of jobs. One that is done by work of its own has the name of that."""
