// What a visitor sees who waits for a world of their own; and the server's sentence where it closed the link.

import { openDialog } from "../common/dialog.js";
import { el } from "../common/dom.js";
import { toast } from "../common/toasts.js";

export class Queue {
  /** @param {Protocol.QueuePlace} message */
  queue({ place, of, sentence }) {
    if (!this.close) {
      this.body = el("div", { role: "status" });
      const onclose = () => {
        this.close = null;
      };
      this.close = openDialog({ id: "c-queue", title: "All worlds are in use", body: this.body, onclose });
    }
    this.body.replaceChildren(
      this.reason ? el("p", {}, this.reason) : "",
      el("p", { class: "c-queue-place" }, el("b", {}, String(place)), ` of ${of} in the queue`),
      el("p", {}, sentence),
      el("p", { class: "c-dim" }, "Keep this page open: it goes on by itself."),
    );
  }

  /** @param {Page.Closed} message */
  closed({ sentence }) {
    this.reason = sentence;
    toast(sentence, { tone: "warn" });
  }

  hello() {
    this.reason = null;
    this.close?.();
  }
}
