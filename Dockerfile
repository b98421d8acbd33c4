# Trade Nexus for production: the code, its hash-checked packages and its browser files; one image for web and worker.
# Three stages: browser files (node), packages (compilers stay behind), and the small image that runs, without root.

FROM node:22-bookworm-slim AS frontend
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --silent

FROM python:3.11-slim-bookworm AS packages
WORKDIR /src
COPY requirements/base.txt requirements/postgres.txt requirements/s3.txt requirements/
RUN python -m venv /opt/nexus \
    && /opt/nexus/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes \
        -r requirements/base.txt -r requirements/postgres.txt -r requirements/s3.txt

FROM python:3.11-slim-bookworm
ENV PATH=/opt/nexus/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=2 \
    DJANGO_SETTINGS_MODULE=tradenexus.settings \
    NEXUS_ENV=production \
    NEXUS_HOME=/var/lib/nexus \
    NEXUS_STATIC_ROOT=/opt/static
RUN useradd --system --uid 10001 --home-dir /var/lib/nexus --create-home nexus \
    && mkdir /opt/static && chown nexus /opt/static
WORKDIR /app
COPY --from=packages /opt/nexus /opt/nexus
COPY . .
COPY --from=frontend /src/node_modules node_modules
# The copy is checked against requirements/frontend/files.sha256. The key is for this one command; the image holds none.
RUN python requirements/frontend/copy_files.py && rm -rf node_modules \
    && NEXUS_ENV=development NEXUS_HOME=/tmp/build python manage.py browserfiles \
    && rm -rf /tmp/build && chown -R nexus /opt/static \
    && python -m compileall -q manage.py tradenexus datasets backfill lona
USER 10001
VOLUME /var/lib/nexus
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import sys; from tradenexus.stack.ports import get; sys.exit(get(8000, '/healthz') != 200)"]
CMD ["uvicorn", "tradenexus.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--http", "httptools", "--no-access-log", "--timeout-graceful-shutdown", "8"]
