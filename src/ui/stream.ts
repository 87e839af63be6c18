/*
 * The stream of events of the server: opened again after a break, later each time, and never while
 * there is nothing to hear of. It is a fetch and no EventSource: that one does not say why it was
 * refused.
 */

import { ApiError, needsLogin, openStream } from "./api.ts";

export type Link =
  | { state: "closed" } // nothing is listened to
  | { state: "connecting" }
  | { state: "live" }
  | { state: "waiting"; untilMs: number; offline: boolean } // before it is tried again
  | { state: "full" }; // the server has as many streams as it allows

export type Heard = (name: string, data: Record<string, unknown>) => void;

const FIRST_WAIT_MS = 1000;
const WAIT_MS_MAX = 30_000;
const OFFLINE_TRIES = 3; // from then on it is no short break
const SILENT_MS_MAX = 45_000; // the server says something every 15 s
const SETTLE_MS = 30; // topics that change together are one request

export class Stream {
  private topics: string[] = [];
  private abort: AbortController | undefined;
  /* At first no id of the server's: it answers with a resync, after which pages fetch again what
   * may have changed between their first fetch and the server's first look. */
  private lastId = "none";
  private tries = 0;
  private planned = false; // to be opened by the timer
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly hear: Heard,
    private readonly say: (link: Link) => void,
  ) {}

  /* Listens to these topics from now on. It stays as it is when it hears of all of them. */
  listen(topics: string[]): void {
    const covered =
      (this.abort !== undefined || this.planned) &&
      topics.every((topic) => this.topics.includes(topic));
    if (topics.length === 0) {
      this.close();
    } else if (!covered) {
      this.topics = topics;
      this.tries = 0;
      this.later(SETTLE_MS);
    }
  }

  close(): void {
    clearTimeout(this.timer);
    this.planned = false;
    this.abort?.abort();
    this.abort = undefined;
    this.topics = [];
    this.say({ state: "closed" });
  }

  /* The way may be free again: tries now what it would try later. */
  hurry(): void {
    if (this.topics.length > 0 && this.abort === undefined) {
      this.tries = 0;
      this.later(0);
    }
  }

  private later(waitMs: number): void {
    clearTimeout(this.timer);
    this.planned = true;
    this.timer = setTimeout(() => void this.open(), waitMs);
  }

  private async open(): Promise<void> {
    this.planned = false;
    this.abort?.abort();
    const abort = new AbortController();
    this.abort = abort;
    this.say({ state: "connecting" });
    let failure: unknown;
    try {
      const response = await openStream(
        `events?topics=${encodeURIComponent(this.topics.join(","))}`,
        this.lastId,
        abort.signal,
      );
      this.tries = 0;
      this.say({ state: "live" });
      await this.read(response, abort);
    } catch (error) {
      failure = error;
    }
    if (this.abort === abort && !needsLogin.value) {
      this.abort = undefined;
      this.failed(failure);
    }
  }

  private failed(failure: unknown): void {
    const full = failure instanceof ApiError && failure.status === 429;
    const meanMs = full ? WAIT_MS_MAX : Math.min(FIRST_WAIT_MS * 2 ** this.tries, WAIT_MS_MAX);
    const waitMs = meanMs * (0.75 + Math.random() / 2);
    this.tries++;
    this.later(waitMs);
    this.say(
      full
        ? { state: "full" }
        : {
            state: "waiting",
            untilMs: Date.now() + waitMs,
            offline: this.tries > OFFLINE_TRIES || !navigator.onLine,
          },
    );
  }

  /* Reads events until the stream ends, or is silent for too long. */
  private async read(response: Response, abort: AbortController): Promise<void> {
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const decoder = new TextDecoder();
    let text = "";
    for (;;) {
      const silent = setTimeout(() => abort.abort(), SILENT_MS_MAX);
      const { done, value } = await reader.read().finally(() => clearTimeout(silent));
      if (done) {
        return;
      }
      text += decoder.decode(value, { stream: true });
      const blocks = text.split("\n\n");
      text = blocks.pop() ?? "";
      blocks.forEach((block) => this.take(block));
    }
  }

  private take(block: string): void {
    let name = "message";
    for (const line of block.split("\n")) {
      const colon = line.indexOf(": ");
      const [field, value] = [line.slice(0, colon), line.slice(colon + 2)];
      if (field === "id") {
        this.lastId = value;
      } else if (field === "event") {
        name = value;
      } else if (field === "data") {
        this.hear(name, JSON.parse(value));
      }
    }
  }
}
