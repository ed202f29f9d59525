# The proxy with its dashboard; docs/docker.md says how it is used. `docker compose up` builds and starts it.

FROM python:3.12-slim-bookworm AS dependencies
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN ["python", "-m", "venv", "/opt/venv"]
COPY pyproject.toml constraints.txt ./
# What pyproject.toml names, in the versions that constraints.txt says: this layer lasts until one of both changes.
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
print(*p['dependencies'], *p['optional-dependencies']['postgres'], sep='\n')" >requirements.txt \
    && /opt/venv/bin/pip install --only-binary=:all: -c constraints.txt -r requirements.txt \
    && /opt/venv/bin/pip uninstall --yes pip

FROM python:3.12-slim-bookworm AS proxy
# The number is fixed, so that volumes still belong to the user after a new build.
RUN groupadd --gid 10001 kimi \
    && useradd --uid 10001 --gid kimi --home-dir /data --no-create-home --shell /usr/sbin/nologin kimi \
    && install -d -o kimi -g kimi /data /ca
COPY --from=dependencies /opt/venv /opt/venv
WORKDIR /app
COPY config config
COPY webui webui
COPY transforms transforms
COPY addons addons
COPY scripts scripts
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DASHBOARD_ADDRESS=0.0.0.0:8082 \
    LOG_DB_PATH=/data/logs.db \
    LOG_BLOB_ROOT=/data/blobs
RUN ["python", "-m", "compileall", "-q", "/app"]
USER 10001:10001
# The log; mitmproxy's certificate authority.
VOLUME ["/data", "/ca"]
EXPOSE 8080 8000 8082
STOPSIGNAL SIGTERM
# In a container loopback is the container's own: so the listeners have every address, and who comes through them must
# present KIMI_PROXY_API_KEY, or for the dashboard DASHBOARD_TOKEN. /healthz asks for neither.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import http.client, sys; c = http.client.HTTPConnection('127.0.0.1', 8082, timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["python", "-m", "scripts.start", "--set", "confdir=/ca", "--mode", "regular@0.0.0.0:8080", "--mode", "reverse:http://127.0.0.1:8082@0.0.0.0:8000"]
CMD []

# For docker-compose.dev.yml, which puts changed files in place as this user.
FROM proxy AS development
USER 0:0
RUN ["chown", "-R", "kimi:kimi", "/app"]
USER 10001:10001

FROM proxy
