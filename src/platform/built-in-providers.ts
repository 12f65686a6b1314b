import type { ProviderConfig } from './config.ts';
import type { ConfigReader } from './config-reader.ts';
import type { ConfigVariableName } from './config-variables.ts';

/** The providers there always are, whether or not there is a key for them. */
export function readBuiltInProviders(reader: ConfigReader): ProviderConfig[] {
  return [
    readProvider(reader, { name: 'anthropic', address: 'ANTHROPIC_BASE_URL', keys: ['ANTHROPIC_API_KEY'] }),
    readProvider(reader, { name: 'openai', address: 'OPENAI_BASE_URL', keys: ['OPENAI_API_KEY'] }),
    readProvider(reader, {
      name: 'gemini',
      address: 'GEMINI_BASE_URL',
      keys: ['GEMINI_API_KEY', 'GOOGLE_API_KEY'],
    }),
  ];
}

export const builtInProviders = ['anthropic', 'openai', 'gemini'] as const;

/** `keys` are looked for in order; another address than the provider's own may do without one. */
function readProvider(
  reader: ConfigReader,
  {
    name,
    address,
    keys,
  }: {
    name: (typeof builtInProviders)[number];
    address: ConfigVariableName;
    keys: readonly [ConfigVariableName, ...ConfigVariableName[]];
  },
): ProviderConfig {
  const baseUrl = reader.url(address, ['http:', 'https:']) ?? '';
  const found = keys.map((keyVariable) => ({ keyVariable, key: reader.secret(keyVariable) }));
  const { keyVariable, key } = found.find((each) => each.key !== null) ?? { keyVariable: keys[0], key: null };
  return {
    name,
    baseUrl: baseUrl.replace(/\/+$/, ''),
    keyVariable,
    ...(key === null ? {} : { key }),
    ...(reader.isDefault(address) ? {} : { keyIsOptional: true }),
    models: [],
  };
}
