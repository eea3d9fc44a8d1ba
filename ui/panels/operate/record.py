"""Record: a take of what the arm does, by whomever it is moved; a tab of the details."""

from __future__ import annotations

FACTS = (
    "Frames come while the arm moves, whoever moves it; at rest there are none.",
    "Record at real time or slower: frames that cannot be made in time are dropped, and counted.",
    "Stop, a failed step or a lost page halt the arm, not the take: correct by hand, or go on.",
    "Undo takes the frames of the undone step back.",
    "A new scene, another instruction or a full disk end the take; it then waits to be kept or discarded.",
    "If the console dies, the take is on the disk but for its last second, and is offered here again.",
)

MARKUP = f"""
<section class="c-record" id="c-record" data-state="opening" aria-label="Record">
  <p class="c-record-say" id="c-record-say" role="status" aria-live="polite">Waiting for the console …</p>
  <ul class="c-record-left" id="c-record-left" aria-label="Takes that were interrupted" hidden></ul>
  <form class="c-record-row" id="c-record-begin" hidden>
    <button type="submit" class="c-record-go" id="c-record-go"><i></i>Record <kbd>T</kbd></button>
    <label>Countdown <select id="c-record-delay">
      <option value="0">none</option><option value="3">3 s</option><option value="5">5 s</option></select></label>
    <label class="c-record-wide">Operator
      <input id="c-record-operator" maxlength="200" autocomplete="off" placeholder="your name"></label>
    <label class="c-record-wide">Notes
      <input id="c-record-before" maxlength="2000" autocomplete="off" placeholder="on this take"></label>
  </form>
  <div class="c-record-row" id="c-record-count" hidden>
    <output class="c-record-number" id="c-record-number"></output>
    <button type="button" class="c-small" id="c-record-cancel">Cancel <kbd>T</kbd></button>
  </div>
  <dl class="c-record-figures" id="c-record-figures" hidden></dl>
  <div class="c-record-row" id="c-record-live" hidden>
    <button type="button" class="c-small" id="c-record-mark">Mark keyframe <kbd>M</kbd></button>
    <button type="button" class="c-small c-primary" id="c-record-end">End <kbd>T</kbd></button>
  </div>
  <form class="c-record-row" id="c-record-keep" hidden>
    <fieldset><legend>Did it succeed?</legend>
      <label><input type="radio" name="c-record-success" value="yes"> yes</label>
      <label><input type="radio" name="c-record-success" value="no"> no</label>
      <label><input type="radio" name="c-record-success" value="unsure"> not sure</label>
    </fieldset>
    <label class="c-record-wide">Notes <input id="c-record-after" maxlength="2000" autocomplete="off"></label>
    <button type="submit" class="c-small c-primary" id="c-record-commit">Keep</button>
    <button type="button" class="c-small" id="c-record-discard" title="It goes to the trash, and can be restored"
      >Discard</button>
  </form>
  <p class="c-record-foot" id="c-record-foot"></p>
  <details class="c-record-more"><summary>What ends a take, and what does not</summary>
    <ul>{"".join(f"<li>{fact}</li>" for fact in FACTS)}</ul></details>
</section>
"""

LIGHT = (
    '<button type="button" class="c-pill c-rec" id="c-rec" hidden>'
    '<i aria-hidden="true"></i><span><b></b><span></span></span></button>'
)
"""For the top bar: a red dot while a take is recorded, amber while one waits to be kept or discarded."""
