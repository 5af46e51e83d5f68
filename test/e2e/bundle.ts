import { build } from 'esbuild'

let bundled: Promise<string> | undefined

/** The Worker as one module, made once per process. */
export function bundle(): Promise<string> {
  bundled ??= buildWorker()
  return bundled
}

async function buildWorker(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [new URL('../../src/index.ts', import.meta.url).pathname],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
    logLevel: 'error',
  })
  const [output] = outputFiles
  if (!output) throw new Error('esbuild made nothing')
  return output.text
}
