// What the page's scripts share beyond protocol.d.ts: messages that it makes itself, and what TypeScript cannot know of
// its markup and its browser.

declare namespace Page {
  /** A binary message: its header, and its parts by name. */
  type Binary<Header> = Header & { data: Record<string, ArrayBuffer>; parts: [name: string, bytes: number][] };

  /** What a camera sees of the calibration's board, or why it sees nothing. */
  type Board = Protocol.BoardUnseen & Partial<Omit<Protocol.BoardSeen, "ready">>;

  /** How the recording goes, as far as it is told in its state; "waiting" without a link. */
  type Recording = Partial<Omit<Protocol.RecordingOpen, "type" | "state">> & {
    state: Protocol.RecordingState["state"] | "waiting";
    sentence?: string;
  };

  /** The server's sentence where it has closed the link. */
  interface Closed {
    type: "closed";
    sentence: string;
  }

  /** The answer to a ping, with the milliseconds that it took. */
  type Pong = Protocol.Pong & { roundTrip: number };
}

interface Window {
  /** What the browser tests look at. */
  __clap: Record<string, any>;
  /** Loaded on demand, see training/plot.js. */
  Plotly: any;
}

/** What the page asks of its elements: which kind one is stands in the markup, which no type tells. */
interface AnyElement {
  checked: boolean;
  dataset: DOMStringMap;
  disabled: boolean;
  draggable: boolean;
  hidden: any;
  max: any;
  offsetTop: number;
  tabIndex: number;
  title: string;
  value: any;
  click(): void;
  focus(options?: FocusOptions): void;
  /** The browser writes it as text. */
  setAttribute(name: string, value: string | number | boolean): void;
}

interface Document {
  getElementById(id: string): HTMLElement & AnyElement;
}

interface ParentNode {
  querySelector(selectors: string): HTMLElement & AnyElement;
  querySelectorAll(selectors: string): NodeListOf<HTMLElement & AnyElement>;
}

interface Element extends AnyElement {}

/** All events that the page listens to come from elements, the document or the window. */
interface EventTarget extends AnyElement {
  closest?: Element["closest"];
}

/** The page's own events, and those of the keyboard, by any name. */
interface Event {
  detail: any;
  key: string;
}
