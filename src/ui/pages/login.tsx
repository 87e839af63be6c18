/* The key that a server with `gateway.auth` asks for. */

import { useState } from "preact/hooks";

import { ApiError, logIn } from "../api.ts";
import { Page } from "../parts/page.tsx";

export function Login() {
  const [key, setTyped] = useState("");
  const [shown, setShown] = useState(false);
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<ApiError>();
  const type = (event: { currentTarget: HTMLInputElement }) => setTyped(event.currentTarget.value);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setRefusal(undefined);
    try {
      await logIn(key);
    } catch (error) {
      setRefusal(error as ApiError);
      setBusy(false);
    }
  };
  const field = {
    id: "key",
    value: key,
    onInput: type,
    "aria-invalid": refusal === undefined ? undefined : true,
    "aria-describedby": refusal === undefined ? undefined : "key-refused",
  };
  return (
    <Page title="Log in">
      <p>
        This server asks for a key. One that may read shows the pages. The browser stays logged in
        for 12 hours without use, and for 7 days at most.
      </p>
      <form class="bar" onSubmit={(event) => void submit(event)}>
        <label for="key">Key</label>
        {shown ? (
          <input {...field} type="text" autocomplete="off" />
        ) : (
          <input {...field} type="password" autocomplete="current-password" />
        )}
        <button type="button" onClick={() => setShown(!shown)}>
          {shown ? "Hide" : "Show"}
        </button>
        <button class="main" disabled={key === "" || busy}>
          Log in
        </button>
      </form>
      {refusal === undefined ? null : (
        <p id="key-refused" class="notice danger" role="alert">
          {refusal.message}
        </p>
      )}
    </Page>
  );
}
