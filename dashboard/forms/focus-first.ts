/** Gives the focus to a field when its form appears, unless the person is in the form already. */
export function focusFirst(field: HTMLTextAreaElement | null): void {
  if (field !== null && !field.form?.contains(document.activeElement)) field.focus();
}
