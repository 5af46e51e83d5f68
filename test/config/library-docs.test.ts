import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'

const read = (path: string): Promise<string> => readFile(new URL(`../../${path}`, import.meta.url), 'utf8')

it('docs/library.md shows the backend of the example as it is compiled and tested', async () => {
  const backend = await read('examples/library/src/d1-backend.ts')
  expect(backend.trimEnd().split('\n').length).toBeLessThanOrEqual(40)
  expect(await read('docs/library.md')).toContain(`\`\`\`ts\n${backend}\`\`\``)
})
