# One image for everything that runs in production, against PostgreSQL and Redis of your own:
#   docker run --rm -e CRM_DATABASE_URL -e CRM_REDIS_URL rapport migrate
#   docker run -e CRM_DATABASE_URL -e CRM_REDIS_URL -p 8000:8000 rapport
#   docker run -e CRM_DATABASE_URL -e CRM_REDIS_URL --no-healthcheck rapport worker
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /srv/rapport

# The layer that changes least comes first: what is installed is named with its hashes, and wheels need no compiler.
COPY requirements.lock ./
RUN pip install --require-hashes --only-binary :all: --requirement requirements.lock

COPY pyproject.toml ./
COPY app app
COPY migrations migrations
COPY openapi openapi
COPY demo demo
RUN pip install --no-index --no-deps --no-build-isolation --editable . && python -m compileall -q app migrations

# Any user will do: nothing is written but a folder for metrics, which goes to TMPDIR.
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["python", "-c", "import urllib.request as web; web.urlopen('http://127.0.0.1:8000/health/ready', timeout=4)"]
ENTRYPOINT ["crm"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
