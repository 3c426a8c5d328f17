FROM python:3.12-slim AS dependencies
RUN python -m venv /opt/venv
COPY requirements.lock .
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/venv/bin/pip install --disable-pip-version-check --require-hashes -r requirements.lock

FROM python:3.12-slim
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    STOREGRAPH_DATA_DIR=/var/lib/storegraph \
    STOREGRAPH_HOST=0.0.0.0 \
    STOREGRAPH_LOG_FORMAT=json \
    STOREGRAPH_PORT=8000
RUN useradd --system --uid 10001 --home-dir /var/lib/storegraph --create-home storegraph
COPY --from=dependencies /opt/venv /opt/venv
WORKDIR /srv/storegraph
COPY db db
COPY engine engine
COPY resolvers resolvers
COPY providers providers
COPY jobs jobs
COPY schema schema
COPY rest_compat rest_compat
COPY app app
RUN python -m compileall -q .
USER storegraph
VOLUME /var/lib/storegraph
EXPOSE 8000
# Alive, not ready: a gateway that waits for its database is not to be killed for it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['STOREGRAPH_PORT'] + '/health/live', timeout=2)"]
ENTRYPOINT ["python", "-m", "app"]
CMD ["serve"]
