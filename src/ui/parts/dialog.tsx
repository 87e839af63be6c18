/* A dialog over the page; Escape and Cancel close it. And what its buttons do. */

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";

import { ApiError } from "../api.ts";

interface Props {
  title: string;
  close: () => void;
  children: ComponentChildren;
}

export function Dialog({ title, close, children }: Props) {
  const box = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    box.current?.showModal();
  }, []);
  return (
    <dialog ref={box} aria-labelledby="dialog-title" onClose={close}>
      <h2 id="dialog-title">{title}</h2>
      {children}
    </dialog>
  );
}

/* Something that the server is asked to do: once at a time, and its error is shown. */
export function useAction() {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();
  /* True when it was done. */
  const act = async (what: () => Promise<unknown>): Promise<boolean> => {
    setBusy(true);
    setError(undefined);
    try {
      await what();
      return true;
    } catch (reason) {
      if (!(reason instanceof ApiError)) {
        throw reason;
      }
      setError(reason);
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, error, act };
}
