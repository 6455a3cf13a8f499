import time
from contextlib import contextmanager
class Stages:
    @contextmanager
    def stage(self, name):
        t=time.time()
        yield
        print(f"{name}: {time.time()-t:.1f} s", flush=True)
