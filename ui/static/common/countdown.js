// Counts seconds down, and then does something, unless it is cancelled before.

const SECOND_MS = 1000;

export class Countdown {
  /** `told` hears what is left each second, and null when it is over in either way. */
  constructor(told) {
    this.told = told;
    this.left = null;
  }

  get running() {
    return this.left !== null;
  }

  begin(seconds, then) {
    this.cancel();
    if (seconds <= 0) return then();
    this.left = seconds;
    this.told(this.left);
    this.timer = setInterval(() => {
      this.left -= 1;
      if (this.left > 0) return this.told(this.left);
      this.cancel();
      then();
    }, SECOND_MS);
  }

  cancel() {
    if (!this.running) return;
    clearInterval(this.timer);
    this.left = null;
    this.told(null);
  }
}
