// Commands about demonstrations: sent over the live link, each answered by its number.

import { toast } from "../common/toasts.js";

const PATIENCE_MS = 60000;

export class ReviewCommands {
  /**
   * `settled` is called after every answer: the list may be another one.
   * @param {import("../common/permit.js").Permit} permit
   */
  constructor(permit, settled) {
    this.permit = permit;
    this.settled = settled;
    this.waiting = new Map();
    this.next = 1;
  }

  /** Why nothing may be changed now, as a sentence; empty if it may. `set`: of what is to be changed. */
  why(set = "recordings") {
    return this.permit.barred || (set === "sample" ? "The sample cannot be changed." : this.permit.why("demo-label"));
  }

  /** Why nothing can be replayed now. */
  whyNoReplay() {
    return this.permit.why("demo-replay");
  }

  /**
   * Send a command; resolves with its answer {ok, sentence, made}, which is also shown as a toast, with Undo where it
   * can be.
   */
  send(type, fields = {}, { quiet = false } = {}) {
    const id = this.next++;
    if (!this.permit.link.send({ type, id, ...fields }))
      return Promise.resolve(this.tell({ ok: false, sentence: "Not connected to the console.", made: [] }));
    return new Promise((resolve) => {
      const timer = this.giveUp(id, PATIENCE_MS);
      this.waiting.set(id, (answer) => {
        clearTimeout(timer);
        if (!quiet || !answer.ok) this.tell(answer);
        resolve(answer);
      });
    });
  }

  /** Count the command of this number as failed if it is not answered within so many milliseconds. */
  giveUp(id, within) {
    return setTimeout(
      () =>
        this.waiting.has(id) &&
        this.answered({ id, ok: false, made: [], sentence: "There was no answer. Look whether it was done." }),
      within,
    );
  }

  tell(answer) {
    toast(answer.sentence, {
      tone: answer.ok ? "info" : "bad",
      actions: answer.undo ? [["Undo", () => this.send("demo-undo")]] : [],
    });
    return answer;
  }

  answered(message) {
    this.waiting.get(message.id)?.(message);
    this.waiting.delete(message.id);
    this.settled();
  }
}
