"""So many replies by distilabel: URL CONCURRENCY COUNT PROMPTS.

Runs in an environment of distilabel's own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import ChatGeneration

if __name__ == "__main__":  # its steps are processes of their own
    url, concurrency, count, file = sys.argv[1:]
    prompts = json.loads(Path(file).read_text("utf-8"))
    rows = [{"messages": prompts[at % len(prompts)]} for at in range(int(count))]
    decoding = {"temperature": 0.7, "max_new_tokens": 1024}
    with Pipeline() as pipeline:
        load = LoadDataFromDicts(data=rows, batch_size=int(concurrency))
        llm = OpenAILLM(model="bench", base_url=url, api_key="none", generation_kwargs=decoding)
        # ChatGeneration awaits a whole batch before the next
        load >> ChatGeneration(llm=llm, input_batch_size=int(concurrency))
    pipeline.run(use_cache=False)
