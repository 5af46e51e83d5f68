import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const root = new URL('..', import.meta.url).pathname

/** Bundles an entry point of this project or of a peer into one module, minified as `wrangler deploy` does. */
export async function bundle(entry: string, { minify = true }: { minify?: boolean } = {}): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    minify,
    write: false,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
    logLevel: 'error',
  })
  const [output] = outputFiles
  if (!output) throw new Error(`esbuild made nothing of ${entry}`)
  return output.text
}

export function gzipKib(code: string | Uint8Array): number {
  return gzipSync(code, { level: 9 }).length / 1024
}
