# A worker: Celery supervises, runners hold the models. Not run yet: see docs/deployment.md.
# RUNTIME is the extra with the runtime: cpu, or gpu (then BASE carries CUDA 13 and cuDNN 9, and Debian's or Ubuntu's Python is added).
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE} AS python
RUN python3 -m venv --help >/dev/null 2>&1 || { apt-get update \
 && apt-get install -y --no-install-recommends python3 python3-venv && rm -rf /var/lib/apt/lists/*; }

FROM python AS build
ARG RUNTIME=cpu
WORKDIR /app
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY explainers explainers
COPY workers workers
COPY docker/healthy.py docker/
RUN python3 -m venv /venv && /venv/bin/pip install --no-cache-dir -c requirements.lock -e ".[workers,traces,${RUNTIME}]"

FROM python
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin onnxplain \
 && install -d -o onnxplain -g onnxplain /data
COPY --from=build /venv /venv
COPY --from=build /app /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 ORT_DISABLE_TELEMETRY=1 ONNXPLAIN_DATA=/data
WORKDIR /app
USER onnxplain
CMD ["python", "-m", "workers.worker"]
