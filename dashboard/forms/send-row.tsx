/** The button that sends a form; Ctrl-Enter does the same from any field of it. */
export function SendRow({ busy, word }: { busy: boolean; word: string }) {
  return (
    <div class="send-row">
      <button type="submit" class="primary" disabled={busy} ref={sendByKey}>
        {word}
      </button>
      <span class="field-hint">
        or <kbd>Ctrl</kbd> <kbd>Enter</kbd>
      </span>
    </div>
  );
}

function sendByKey(button: HTMLButtonElement | null): void {
  if (button === null || button.form === null) return;
  const { form } = button;
  form.onkeydown = (event) => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
    if (!button.disabled) form.requestSubmit(button);
  };
}
