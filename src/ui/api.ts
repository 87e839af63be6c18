/* The one place that asks the server: every other file asks it through here. */

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
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

/* Set while the server wants a key first: everything stops, and the login is shown. */
export const needsLogin = signal(false);

/* Who we are to the server (GET session). A cookie that no script can read stands for the key. */
export interface Session {
  auth: boolean;
  user: string | null;
  rights: string[];
  csrf: string | null; // goes with what changes something
}
export const session = signal<Session | undefined>(undefined);

const tabs = new BroadcastChannel("pinion-session"); // what happened to the session of all tabs

function headers(body: boolean): Record<string, string> {
  const all: Record<string, string> = { accept: "application/json" };
  if (typeof session.value?.csrf === "string") {
    all["x-pinion-csrf"] = session.value.csrf;
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

async function sendNow(
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
  if (!response.ok) {
    throw await errorOf(response);
  }
  return response;
}

/* Waits until it is known who we are, so that a page that may nothing asks nothing. A refusal may
 * come of a session that another tab has replaced: then it is tried again with the new one. */
async function send(...request: Parameters<typeof sendNow>): Promise<Response> {
  await looked;
  if (needsLogin.value) {
    throw new ApiError(401, "unauthenticated", "Log in first.");
  }
  const csrf = session.value?.csrf;
  try {
    return await sendNow(...request);
  } catch (error) {
    const status = error instanceof ApiError ? error.status : 0;
    if (status === 401) {
      sessionEnded();
    } else if (status === 403 && request[0] !== "GET" && session.value?.auth === true) {
      await look();
      if (session.value.csrf !== csrf) {
        return sendNow(...request);
      }
    }
    throw error;
  }
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

/* --- the session ------------------------------------------------------------------------------ */

function take(now: Session): void {
  session.value = now;
  needsLogin.value = now.auth && now.user === null;
}

/* Asks who we are. A server that does not answer is found out by the requests that follow. */
async function look(): Promise<void> {
  try {
    take((await (await sendNow("GET", "session", undefined)).json()) as Session);
  } catch {
    session.value = undefined;
  }
}
const looked = look();

/* Throws an ApiError when the key is refused. */
export async function logIn(key: string): Promise<void> {
  take((await (await sendNow("POST", "session", { key })).json()) as Session);
  tabs.postMessage("begun");
}

export async function logOut(): Promise<void> {
  await sendNow("DELETE", "session", undefined);
  sessionEnded();
}

/* The server knows our session no more: in all tabs. */
export function sessionEnded(): void {
  if (!needsLogin.value) {
    needsLogin.value = true;
    tabs.postMessage("ended");
  }
}

tabs.addEventListener("message", () => void look());

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

  // Before the browser draws: an effect after it would ask a frame later.
  useLayoutEffect(() => {
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
