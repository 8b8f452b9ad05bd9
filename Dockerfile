FROM python:3.11-slim-bookworm AS packages
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /packages
COPY requirements.txt uv.toml ./
RUN uv venv /venv && uv pip install --no-cache --compile-bytecode --python /venv -r requirements.txt

FROM python:3.11-slim-bookworm
RUN useradd --uid 1000 --create-home dashboard && install --directory --owner=dashboard /models
COPY --from=packages /venv /venv
WORKDIR /dashboard
COPY . .
ENV PATH=/venv/bin:$PATH \
    HF_HOME=/models \
    MALLOC_ARENA_MAX=1 \
    STREAMLIT_BROWSER_SERVER_ADDRESS=localhost \
    STREAMLIT_SERVER_ADDRESS=0.0.0.0 \
    STREAMLIT_SERVER_HEADLESS=true \
    STREAMLIT_SERVER_PORT=8501
USER 1000
VOLUME /models
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD python -c "import sys, urllib.request; urllib.request.urlopen(sys.argv[1])" \
        "http://localhost:$STREAMLIT_SERVER_PORT/${STREAMLIT_SERVER_BASE_URL_PATH:+$STREAMLIT_SERVER_BASE_URL_PATH/}_stcore/health"
CMD ["streamlit", "run", "dashboard.py"]
