/* The key that a server with `gateway.auth` asks for. */

import { useState } from "preact/hooks";

import { setKey } from "../api.ts";
import { Page } from "../parts/page.tsx";

export function Login() {
  const [key, setTyped] = useState("");
  const [shown, setShown] = useState(false);
  const type = (event: { currentTarget: HTMLInputElement }) => setTyped(event.currentTarget.value);
  const submit = (event: Event) => {
    event.preventDefault();
    setKey(key);
  };
  return (
    <Page title="Log in">
      <p>
        This server asks for a key. One that may read shows the pages. The tab forgets it when it is
        closed.
      </p>
      <form class="bar" onSubmit={submit}>
        <label for="key">Key</label>
        {shown ? (
          <input id="key" type="text" autocomplete="off" value={key} onInput={type} />
        ) : (
          <input
            id="key"
            type="password"
            autocomplete="current-password"
            value={key}
            onInput={type}
          />
        )}
        <button type="button" onClick={() => setShown(!shown)}>
          {shown ? "Hide" : "Show"}
        </button>
        <button class="main" disabled={key === ""}>
          Log in
        </button>
      </form>
    </Page>
  );
}
