# The web process: routes, OpenAPI, and the scan runner that looks at uploads. Not run yet: see docs/deployment.md.
FROM python:3.11-slim-bookworm AS build
WORKDIR /app
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY explainers explainers
COPY workers workers
COPY api api
COPY docker/gunicorn.conf.py docker/
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir -c requirements.lock -e '.[api,workers,traces,cpu]'

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin onnxplain \
 && install -d -o onnxplain -g onnxplain /data
COPY --from=build /venv /venv
COPY --from=build /app /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 ORT_DISABLE_TELEMETRY=1 ONNXPLAIN_DATA=/data
WORKDIR /app
USER onnxplain
EXPOSE 8000
CMD ["gunicorn", "-c", "docker/gunicorn.conf.py"]
