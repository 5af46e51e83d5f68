import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const FOLDER = fileURLToPath(new URL('../src/assets/dashboard/', import.meta.url))

/** KiB of script and style, gzipped, of the built dashboard: the first view's, and what each other view adds to it. */
export async function dashboardSizes(): Promise<{ name: string; kib: number }[]> {
  const page = await readFile(`${FOLDER}index.html`, 'utf8')
  const linked = [...page.matchAll(/(?:src|href)="dashboard\/([^"]+\.(?:js|css))"/g)].map(
    ([, file]) => file ?? '',
  )
  const first = await withImports(linked)
  const sizes = [{ name: 'first view', kib: await kib(first) }]
  for (const file of await readdir(FOLDER)) {
    const [, name] = /^(?!chunk-)(.+)-[^-]+\.js$/.exec(file) ?? []
    if (name === undefined || first.has(file)) continue
    const added = (await withImports([file])).difference(first)
    sizes.push({ name, kib: await kib(added) })
  }
  return sizes
}

/** These files and all that they import, but not what they load later. */
async function withImports(files: readonly string[]): Promise<Set<string>> {
  const found = new Set<string>()
  const queue = [...files]
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (found.has(file)) continue
    found.add(file)
    if (!file.endsWith('.js')) continue
    const script = await readFile(FOLDER + file, 'utf8')
    queue.push(...[...script.matchAll(/(?:\bfrom|\bimport)"\.\/([^"]+)"/g)].map(([, path]) => path ?? ''))
  }
  return found
}

async function kib(files: Iterable<string>): Promise<number> {
  let bytes = 0
  for (const file of files) bytes += gzipSync(await readFile(FOLDER + file), { level: 9 }).length
  return bytes / 1024
}
