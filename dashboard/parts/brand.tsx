/** Two streams that cross: models and terminals. */
export function Brand() {
  return (
    <a class="brand" href="/" aria-label="LLMMixer, all jobs">
      <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
        <path class="brand-one" d="M2 5h4c5 0 3 10 8 10h4" />
        <path class="brand-two" d="M2 15h4c5 0 3-10 8-10h4" />
      </svg>
      <span>LLMMixer</span>
    </a>
  );
}
