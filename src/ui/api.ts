/* The one place that asks the server: every other file asks it through here. */

import { useEffect, useRef, useState } from "preact/hooks";
import { signal } from "@preact/signals";

/* An answer that is an error: what happened, and what to do. */
export class ApiError extends Error {
  constructor(
    readonly status: number, // 0: no answer came
    readonly code: string,
    message: string,
    readonly hint?: string,
    readonly position?: { byte: number; line: number; column: number },
  ) {
    super(message);
  }
}

/* Set when the server refuses us for want of a key: everything stops, and the login is shown. */
export const needsLogin = signal(false);

/* The key of a server that asks for one; it lives as long as the tab. */
const KEY = "pinion-key";

export function setKey(key: string): void {
  sessionStorage.setItem(KEY, key);
  needsLogin.value = false;
}

function headers(body: boolean): Record<string, string> {
  const all: Record<string, string> = { accept: "application/json" };
  const key = sessionStorage.getItem(KEY);
  if (key !== null) {
    all["x-api-key"] = key;
  }
  if (body) {
    all["content-type"] = "application/json";
  }
  return all;
}

async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text();
  try {
    const { error } = JSON.parse(text);
    return new ApiError(response.status, error.code, error.message, error.hint, error.position);
  } catch {
    return new ApiError(response.status, "unknown", text.slice(0, 500) || response.statusText);
  }
}

/* A body that is JSON already: reading and writing it would round its numbers. */
export class Json {
  constructor(readonly text: string) {}
}

async function send(
  method: string,
  path: string,
  body: unknown,
  signal?: AbortSignal,
  further: Record<string, string> = {},
): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path.startsWith("/") ? path : `/api/v1/${path}`, {
      method,
      headers: { ...headers(body !== undefined), ...further },
      body:
        body instanceof Json ? body.text : body === undefined ? undefined : JSON.stringify(body),
      signal,
    });
  } catch (error) {
    if (signal?.aborted) {
      throw error;
    }
    throw new ApiError(0, "offline", "The server does not answer.", "Is pinion serve running?");
  }
  if (response.status === 401) {
    needsLogin.value = true;
  }
  if (!response.ok) {
    throw await errorOf(response);
  }
  return response;
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await send("GET", path, undefined, signal)).json()) as T;
}

export async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return (await (await send("POST", path, body, signal)).json()) as T;
}

export async function patch<T>(path: string, body: unknown): Promise<T> {
  return (await (await send("PATCH", path, body)).json()) as T;
}

/* The reply as it came, for what is not JSON or must keep its digits. */
export async function getReply(path: string, signal?: AbortSignal): Promise<Response> {
  return send("GET", path, undefined, signal);
}

export async function remove(path: string): Promise<void> {
  await send("DELETE", path, undefined);
}

/* The stream of events; the reply is read as it comes. `lastId` is the id of the last event. */
export async function openStream(
  path: string,
  lastId: string,
  signal: AbortSignal,
): Promise<Response> {
  return send("GET", path, undefined, signal, { "last-event-id": lastId });
}

/* A click on a link to a file: a link sends no key, so where there is one the file comes by us. */
export async function download(event: MouseEvent): Promise<void> {
  const link = event.currentTarget;
  if (sessionStorage.getItem(KEY) === null || !(link instanceof HTMLAnchorElement)) {
    return;
  }
  event.preventDefault();
  const { pathname, search } = new URL(link.href);
  const response = await send("GET", pathname + search, undefined);
  const saved = document.createElement("a");
  saved.href = URL.createObjectURL(await response.blob());
  saved.download = link.download;
  saved.click();
  URL.revokeObjectURL(saved.href);
}

/* What a region of a page shows of a GET. Data stay when a later answer is an error. */
export interface Loaded<T> {
  data?: T;
  error?: ApiError;
  atMs?: number; // when the data came
  again: () => void;
}

/* How a component hears that a topic changed (events.ts, which needs this file, sets it). */
export const live = {
  listen: (_topics: string[], _again: () => void) => (): void => undefined,
};

const GAP_MS = 200; // between an answer and the next question

/*
 * The answer of GET `path`, asked anew when the path changes, when again() is called and when one
 * of the topics changes (events.ts). A question is never asked while an answer is awaited: what
 * changes meanwhile is asked for afterwards. A path of undefined asks nothing.
 */
export function useGet<T>(path: string | undefined, topics: string[] = []): Loaded<T> {
  const [state, setState] = useState<{ path?: string; data?: T; error?: ApiError; atMs?: number }>(
    {},
  );
  const [round, setRound] = useState(0);
  const asked = useRef<{ abort: AbortController; changed: boolean } | undefined>(undefined);
  const again = () => {
    if (asked.current === undefined) {
      setRound((n) => n + 1);
    } else {
      asked.current.changed = true;
    }
  };

  useEffect(() => {
    if (path === undefined || needsLogin.value) {
      return undefined;
    }
    const mine = { abort: new AbortController(), changed: false };
    asked.current = mine;
    get<T>(path, mine.abort.signal)
      .then(
        (data) => setState({ path, data, atMs: Date.now() }),
        (error: unknown) => {
          if (!mine.abort.signal.aborted && error instanceof ApiError) {
            setState((before) => (before.path === path ? { ...before, error } : { path, error }));
          }
        },
      )
      .finally(() => {
        if (asked.current === mine) {
          asked.current = undefined;
          if (mine.changed) {
            setTimeout(again, GAP_MS);
          }
        }
      });
    return () => {
      asked.current = undefined;
      mine.abort.abort();
    };
  }, [path, round, needsLogin.value]);

  const key = topics.join(",");
  useEffect(() => (key === "" ? undefined : live.listen(key.split(","), again)), [key]);

  return state.path === path ? { ...state, again } : { again };
}
