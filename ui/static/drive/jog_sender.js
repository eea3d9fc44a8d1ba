// Sends what is held, numbered, at 20 Hz and a little more, zeros too; measures what comes back.

const PERIOD_MS = 48; // a timer is late sometimes; 50 would give a little less than 20 Hz
const LEAST_MS = 25; // what came late is made up for, but never by two commands in one control tick of the arm
const MOST_BEHIND_MS = 150;
const WINDOW_MS = 2000; // the figures shown are of the latest two seconds
const LOST_AFTER_MS = 1000;
const KEPT = 2400; // latencies, two minutes of them

export class JogSender {
  constructor(send, read) {
    this.send = send;
    this.read = read;
    this.seq = 0;
    this.open = new Map(); // seq -> when it was sent
    this.recent = []; // {sent, ms, applied}
    this.totals = { sent: 0, acknowledged: 0, applied: 0, latencies: [] };
    this.timer = null;
  }

  start() {
    if (this.timer !== null) return;
    this.recent = [];
    this.open.clear();
    this.totals = { sent: 0, acknowledged: 0, applied: 0, latencies: [], begun: performance.now() };
    window.__clap.drive = this.totals;
    this.due = performance.now();
    this.next();
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
  }

  next() {
    this.due = Math.max(this.due + PERIOD_MS, performance.now() - MOST_BEHIND_MS);
    this.timer = setTimeout(
      () => {
        this.next(); // first: a tick may stop the sender
        this.tick();
      },
      Math.max(LEAST_MS, this.due - performance.now()),
    );
  }

  tick() {
    const message = this.read();
    if (message === null) return;
    if (message.type !== "jog") return void this.send(message); // a pose is not answered
    const seq = ++this.seq;
    const now = performance.now();
    if (!this.send({ ...message, seq })) return;
    this.open.set(seq, now);
    this.totals.sent++;
    for (const [old, sent] of this.open) {
      if (now - sent <= LOST_AFTER_MS) break;
      this.open.delete(old);
      this.recent.push({ sent, ms: null, applied: false });
    }
  }

  acknowledged({ seq, applied }) {
    const sent = this.open.get(seq);
    if (sent === undefined) return;
    this.open.delete(seq);
    const ms = performance.now() - sent;
    this.recent.push({ sent, ms, applied });
    this.totals.acknowledged++;
    this.totals.latencies.push(ms);
    if (this.totals.latencies.length > KEPT) this.totals.latencies.shift();
    if (applied) this.totals.applied++;
  }

  /** {rate: answers a second, share: of the commands that were applied, ms: median latency}; null before the first. */
  figures() {
    const since = performance.now() - WINDOW_MS;
    this.recent = this.recent.filter(({ sent }) => sent > since);
    if (!this.recent.length) return null;
    const answered = this.recent.filter(({ ms }) => ms !== null);
    const times = answered.map(({ ms }) => ms).sort((a, b) => a - b);
    const span = Math.min(WINDOW_MS, performance.now() - this.totals.begun);
    return {
      rate: (1000 * answered.length) / span,
      share: this.recent.filter(({ applied }) => applied).length / this.recent.length,
      ms: times[Math.floor(times.length / 2)] ?? null,
    };
  }
}
