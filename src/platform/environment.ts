/** What a door hands down of `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;
