/** One line of the table: our figure, that of the bare program, and how they should compare. */
export interface Row {
  what: string;
  unit: string;
  ours: number;
  bare: number;
  goal: { atLeast: number } | { atMost: number };
}

export function formatTable(rows: readonly Row[]): string {
  const cells = [
    ['what', 'ours', 'bare', 'unit', 'ratio', 'goal', ''],
    ...rows.map(({ what, unit, ours, bare, goal }) => {
      const ratio = ours / bare;
      const [sign, bound] = 'atLeast' in goal ? ['>=', goal.atLeast] : ['<=', goal.atMost];
      const isMet = 'atLeast' in goal ? ratio >= goal.atLeast : ratio <= goal.atMost;
      return [
        what,
        figure(ours),
        figure(bare),
        unit,
        ratio.toFixed(2),
        `${sign} ${bound}`,
        isMet ? 'met' : 'missed',
      ];
    }),
  ];
  const widths = (cells[0] ?? []).map((_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
  return `${cells.map((row) => line(row).trimEnd()).join('\n')}\n`;
}

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** The value that `percent` of them do not exceed. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? Number.NaN;
}

/** Three digits that count. */
function figure(value: number): string {
  return value >= 1000 ? Math.round(value).toString() : value.toPrecision(3);
}
