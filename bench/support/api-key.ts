export const apiKey = `llmx_bench_${'k'.repeat(40)}`;
