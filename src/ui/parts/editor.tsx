/*
 * The SQL editor: CodeMirror in a shadow root, where it needs no style element that the page's
 * content security policy would refuse. Loaded by the query page alone.
 */

import { autocompletion, closeBrackets, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { SQLDialect, sql } from "@codemirror/lang-sql";
import type { SQLNamespace } from "@codemirror/lang-sql";
import { HighlightStyle, bracketMatching, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "preact/hooks";

const COLOURS = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--accent)", fontWeight: "600" },
  { tag: [tags.string, tags.number], color: "var(--sql-literal)" },
  { tag: tags.comment, color: "var(--ink-quiet)" },
]);

const LOOKS = EditorView.theme({
  "&": { backgroundColor: "var(--raised)", color: "var(--ink)", fontSize: "13px" },
  "&.cm-focused": { outline: "2px solid var(--focus)" },
  ".cm-scroller": {
    fontFamily: "var(--mono)",
    minHeight: "140px",
    maxHeight: "40vh",
    overflow: "auto",
  },
  ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--ink-quiet)", border: "0" },
  ".cm-content": { caretColor: "var(--ink)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", border: "1px solid var(--line)" },
});

export interface Mistake {
  byte: number; // where in the text, as UTF-8
  message: string;
}

interface Props {
  text: string;
  tables: Record<string, string[]>; // with their columns, for completion
  mistake?: Mistake;
  onChange: (text: string) => void;
  onRun: (part?: string) => void; // a part of the text: what is selected
  onCancel: () => void;
}

/* The place in a JavaScript text of a place in its UTF-8. */
function unitsOf(text: string, byte: number): number {
  return new TextDecoder().decode(new TextEncoder().encode(text).slice(0, byte)).length;
}

function language(tables: SQLNamespace) {
  return sql({
    dialect: SQLDialect.define({ doubleQuotedStrings: false }),
    schema: tables,
    upperCaseKeywords: true,
  });
}

/* A text that is typed over a selection. The browser would carry the selection's colours over to it
 * by a style attribute, which the page's content security policy refuses. */
function typeOver(event: InputEvent, view: EditorView): boolean {
  const { empty } = view.state.selection.main;
  const text = event.data;
  const brackets = text !== null && /^["'([{]$/.test(text); // they are put around it
  if (event.inputType !== "insertText" || text === null || brackets || empty || view.composing) {
    return false;
  }
  view.dispatch(view.state.replaceSelection(text), { userEvent: "input.type" });
  event.preventDefault();
  return true;
}

export function Editor({ text, tables, mistake, onChange, onRun, onCancel }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const names = useRef(new Compartment());
  const told = useRef({ onChange, onRun, onCancel });
  told.current = { onChange, onRun, onCancel };

  useEffect(() => {
    const element = host.current;
    if (element === null) {
      return undefined;
    }
    const root = element.shadowRoot ?? element.attachShadow({ mode: "open" });
    const run = () => {
      told.current.onRun();
      return true;
    };
    const runSelected = ({ state }: EditorView) => {
      const { from, to } = state.selection.main;
      told.current.onRun(from === to ? undefined : state.sliceDoc(from, to));
      return true;
    };
    const cancel = () => {
      told.current.onCancel();
      return true;
    };
    const editor = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        doc: text,
        extensions: [
          lineNumbers(),
          history(),
          bracketMatching(),
          closeBrackets(),
          autocompletion(),
          lintGutter(),
          names.current.of(language(tables)),
          syntaxHighlighting(COLOURS),
          LOOKS,
          EditorView.lineWrapping,
          EditorView.domEventHandlers({ beforeinput: typeOver }),
          EditorView.contentAttributes.of({ "aria-label": "SQL", tabindex: "0" }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) {
              told.current.onChange(update.state.doc.toString());
            }
          }),
          keymap.of([
            { key: "Mod-Enter", run },
            { key: "Mod-Shift-Enter", run: runSelected },
            { key: "Alt-c", run: cancel },
            ...completionKeymap,
            ...historyKeymap,
            ...defaultKeymap,
          ]),
        ],
      }),
    });
    view.current = editor;
    return () => editor.destroy();
  }, []);

  useEffect(() => {
    const editor = view.current;
    if (editor !== undefined && editor.state.doc.toString() !== text) {
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text } });
    }
  }, [text]);

  useEffect(() => {
    view.current?.dispatch({ effects: names.current.reconfigure(language(tables)) });
  }, [tables]);

  useEffect(() => {
    const editor = view.current;
    if (editor !== undefined) {
      const from =
        mistake === undefined ? 0 : Math.min(unitsOf(text, mistake.byte), editor.state.doc.length);
      const to = Math.min(from + 1, editor.state.doc.length);
      const found =
        mistake === undefined
          ? []
          : [{ from, to, severity: "error" as const, message: mistake.message }];
      editor.dispatch(setDiagnostics(editor.state, found));
    }
  }, [mistake]);

  return <div class="editor" ref={host} />;
}
