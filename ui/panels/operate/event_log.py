"""The log of events, a tab of the details: filter, copy, and export."""

from __future__ import annotations

MARKUP = """
<div class="c-log-panel">
  <div class="c-log-tools">
    <select id="c-log-level" aria-label="Which events"></select>
    <input id="c-log-text" type="search" placeholder="containing …" aria-label="Events that contain" autocomplete="off">
    <button type="button" class="c-small" id="c-log-copy">Copy</button>
    <button type="button" class="c-small" id="c-log-csv" title="Save what is shown as a table">CSV</button>
    <button type="button" class="c-small" id="c-log-json" title="Save what is shown as JSON">JSON</button>
  </div>
  <p class="c-empty-line" id="c-log-empty"></p>
  <ol class="c-log" id="c-log" aria-live="polite" aria-label="Log" tabindex="0"></ol>
</div>
"""
