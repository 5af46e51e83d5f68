import { build } from 'esbuild'
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ICONS } from '../src/dashboard/parts/icons.ts'

/** Bundles `src/dashboard` into static files of the Worker: `src/assets/dashboard`. */

const SOURCE = fileURLToPath(new URL('../src/dashboard/', import.meta.url))
const TARGET = fileURLToPath(new URL('../src/assets/dashboard/', import.meta.url))

const { outputFiles, metafile } = await build({
  entryPoints: [`${SOURCE}main.tsx`, `${SOURCE}theme.ts`, `${SOURCE}style/index.css`],
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  jsx: 'automatic',
  jsxImportSource: 'preact',
  entryNames: '[name]-[hash]',
  chunkNames: '[name]-[hash]',
  outdir: TARGET,
  metafile: true,
  write: false,
  logLevel: 'warning',
})

/** The built file of an entry, e.g. `main-3F2A.js`. */
function built(entry: string): string {
  const found = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint?.endsWith(entry))
  if (!found) throw new Error(`${entry} was not built`)
  return basename(found[0])
}

/** What the first view needs besides its entry, so that the browser loads it at once. */
function preloads(): string[] {
  const main = Object.keys(metafile.outputs).find((file) => basename(file) === built('main.tsx')) ?? ''
  const imports = metafile.outputs[main]?.imports ?? []
  return imports.filter(({ kind }) => kind === 'import-statement').map(({ path }) => basename(path))
}

/** The icons as symbols of the page itself: `<use href="#icon-upload">`. */
async function sprite(): Promise<string> {
  const folder = `${dirname(createRequire(import.meta.url).resolve('lucide-static/package.json'))}/icons`
  const symbols = ICONS.map(async (name) => {
    const svg = await readFile(`${folder}/${name}.svg`, 'utf8')
    const content = /<svg[^>]*>(.*)<\/svg>/s.exec(svg)?.[1]?.replaceAll(/\s*\n\s*/g, '') ?? ''
    return `<symbol id="icon-${name}" viewBox="0 0 24 24">${content}</symbol>`
  })
  return (await Promise.all(symbols)).join('')
}

const icon = await readFile(`${SOURCE}icon.svg`)
const iconFile = `icon-${createHash('sha256').update(icon).digest('hex').slice(0, 8)}.svg`
const template = await readFile(`${SOURCE}index.html`, 'utf8')
const links = preloads().map((file) => `<link rel="modulepreload" href="dashboard/${file}" />`)
const page = template
  .replace('<!-- icon -->', `<link rel="icon" href="dashboard/${iconFile}" type="image/svg+xml" />`)
  .replace('<!-- style -->', `<link rel="stylesheet" href="dashboard/${built('style/index.css')}" />`)
  .replace('<!-- theme -->', `<script src="dashboard/${built('theme.ts')}"></script>`)
  .replace(
    '<!-- main -->',
    [...links, `<script type="module" src="dashboard/${built('main.tsx')}"></script>`].join('\n    '),
  )
  .replace('<!-- icons -->', await sprite())

const files = new Map<string, string | Uint8Array>([
  ['index.html', page],
  [iconFile, icon],
])
for (const { path, contents } of outputFiles) files.set(basename(path), contents)
await mkdir(TARGET, { recursive: true })
// What has not changed is not written, so that a running Worker does not reload.
for (const [file, contents] of files) {
  const before = await readFile(TARGET + file).catch(() => null)
  if (!before?.equals(Buffer.from(contents))) await writeFile(TARGET + file, contents)
}
for (const file of await readdir(TARGET)) if (!files.has(file)) await rm(TARGET + file)
