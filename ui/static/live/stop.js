// Stop by three ways, each begun without waiting for the one before to fail: the WebSocket at once, plain HTTP when it
// stays unanswered, then Gradio's own event. A browser that ran out of connections to the host still has the WebSocket.

const HTTP_AFTER_MS = 150;
const GRADIO_AFTER_MS = 400;
const GIVE_UP_MS = 2000;
const GRADIO_BUTTON = "c-stop-by-event"; // in the page, out of sight: its click is a Gradio event

export class Stopper {
  constructor(send) {
    this.send = send;
    this.waiting = new Map();
    this.next = 1;
  }

  /**
   * Resolves with {way, ms, at}: the first way acknowledged ("websocket", "http", "gradio"; null if none), and when.
   */
  stop() {
    const id = this.next++;
    const begun = performance.now();
    const sent = this.send({ type: "stop", id });
    document.dispatchEvent(new Event("clap-stop"));
    return new Promise((resolve) => {
      const timers = [];
      const settle = (way) => {
        if (!this.waiting.delete(id)) return;
        timers.forEach(clearTimeout);
        const stopped = performance.now();
        resolve({
          way,
          id,
          ms: stopped - begun,
          at: { pressed: performance.timeOrigin + begun, answered: performance.timeOrigin + stopped },
        });
      };
      this.waiting.set(id, () => settle("websocket"));
      const post = () => overHttp().then((done) => done && settle("http"));
      if (sent) timers.push(setTimeout(post, HTTP_AFTER_MS));
      else post();
      timers.push(setTimeout(() => overGradio().then((done) => done && settle("gradio")), GRADIO_AFTER_MS));
      timers.push(setTimeout(() => settle(null), GIVE_UP_MS));
    });
  }

  acknowledged(id) {
    this.waiting.get(id)?.();
  }
}

async function overHttp() {
  try {
    return (await fetch("/clap/stop", { method: "POST", keepalive: true })).ok;
  } catch {
    return false;
  }
}

/** True when Gradio's event has written its answer (the server's count of stops) into its hidden output. */
async function overGradio() {
  const button = document.getElementById(GRADIO_BUTTON);
  if (!button) return false;
  const answer = () => document.querySelector(`#${GRADIO_BUTTON}-answer :is(textarea, input)`)?.value;
  const before = answer();
  button.click();
  for (let tries = 0; tries < GIVE_UP_MS / 50; tries++) {
    await new Promise((later) => setTimeout(later, 50));
    if (answer() !== before) return true;
  }
  return false;
}
