"""The page: a notice, the choice of model, and the tabs."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from demo.about_tab import lay_out_about
from demo.api import add_endpoints
from demo.benchmark_tab import lay_out_benchmark
from demo.digit_tab import DigitTab
from demo.inference import Inference
from demo.model_picker import ModelPicker
from demo.pictures import data_url, png_bytes
from demo.privacy import UploadFolder
from demo.score_tab import ScoreTab
from demo.words import NOTICE, TITLE

_HERE = Path(__file__).parent
_STYLE = _HERE / "page.css"
_SCRIPTS = ("page.js", "films.js", "viewer.js")
# Gradio scopes the style sheet to what lies above the footer, and hides the link before this dot.
_FOOTER = (
    "<style>@media (max-width: 640px) { footer .divider { display: none !important; } }</style>"
)


def build_page(inference: Inference, uploads: UploadFolder) -> tuple[gr.Blocks, str, str]:
    """Lay out the page; returns it with its style sheet and its head."""
    synthetic = next(filter(inference.is_synthetic, inference.models()), None)
    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        gr.HTML(f'<h1>{TITLE}</h1><p class="notice" role="note">{NOTICE}</p>', elem_id="notice")
        picker = ModelPicker(inference.shelf)
        model = picker.model
        with gr.Tab("Score", id="score"):
            score_tab = ScoreTab(inference, uploads, picker)
        if synthetic:
            with gr.Tab("DigitAnatomy", id="digits"):
                DigitTab(inference, synthetic, model)
        with gr.Tab("Benchmark", id="benchmark") as benchmark:
            lay_out_benchmark(benchmark)
        with gr.Tab("About", id="about"):
            example = None
            if synthetic:
                example = inference.score_array(score_tab.examples["novel"], synthetic)
            lay_out_about(inference.shelf, model, example)
        picker.connect(page)
        add_endpoints(inference, uploads)
    pictures = "".join(
        f"#example-{kind}{{--picture:url({data_url(png_bytes(image))})}}"
        for kind, image in score_tab.examples.items()
    )
    scripts = ((_HERE / name).read_text("utf-8") for name in _SCRIPTS)
    head = "".join(f"<script>{text}</script>" for text in scripts) + _FOOTER
    return page, _STYLE.read_text("utf-8") + pictures, head
