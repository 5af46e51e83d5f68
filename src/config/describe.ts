import type { BackendConfig } from './backend-config.ts'

/** A backend as it is configured, without any secret; header values are left out whole. */
export type BackendDescription = Record<
  string,
  string | number | boolean | readonly string[] | readonly number[]
>

/** The chain as configured, fit to be shown to an operator. */
export function describeBackends({ backends }: { backends: readonly BackendConfig[] }): BackendDescription[] {
  return backends.map((backend) =>
    Object.fromEntries(
      Object.entries(backend).map(([key, value]) => [
        snakeCase(key),
        value instanceof RegExp ? value.source : value,
      ]),
    ),
  )
}

function snakeCase(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
