import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';

/** What axe finds against the rules of accessibility, one line each: rule, weight, element, what to do. */
export async function axeViolations(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.flatMap(({ id, impact, nodes }) =>
    nodes.map(({ target, failureSummary }) => {
      const summary = (failureSummary ?? '').replaceAll(/\s*\n\s*/g, ' ');
      return `${id} (${impact}) ${target.flat().join(' ')}: ${summary}`;
    }),
  );
}
