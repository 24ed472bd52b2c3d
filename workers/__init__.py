"""Queue and state of onnxplain: the ledger, the blob store, the Celery workers and the runners that hold models."""
