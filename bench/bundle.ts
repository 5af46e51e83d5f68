import { gzipSync } from 'node:zlib'
import { build, type Plugin } from 'esbuild'

const root = new URL('..', import.meta.url).pathname

/** One module out of an entry point of this project or of a peer, minified as `wrangler deploy` does it. */
export async function bundle(
  entry: string,
  { plugins = [], minify = true }: { plugins?: Plugin[]; minify?: boolean } = {},
): Promise<string> {
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
    plugins,
  })
  const [output] = outputFiles
  if (!output) throw new Error(`esbuild made nothing of ${entry}`)
  return output.text
}

/** The Worker without the page that shows its API and the document behind that. */
export function bundleWithoutPage(): Promise<string> {
  const stub: Plugin = {
    name: 'without the page',
    setup({ onLoad }) {
      onLoad({ filter: /\/routes\/openapi\.json$/ }, () => ({ contents: '{}', loader: 'json' }))
      onLoad({ filter: /\/routes\/docs-page\.ts$/ }, () => ({
        contents: 'export const docsPage = () => ""; export const errorsPage = docsPage',
        loader: 'ts',
      }))
    },
  }
  return bundle('src/index.ts', { plugins: [stub] })
}

export function gzipKib(code: string): number {
  return gzipSync(code, { level: 9 }).length / 1024
}
