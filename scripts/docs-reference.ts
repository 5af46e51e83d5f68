import { writeFile } from 'node:fs/promises'
import { REFERENCE } from './reference/pages.ts'

/** `npm run docs:reference`: the pages that follow from the code. A test fails if they are out of date. */
for (const [page, content] of Object.entries(REFERENCE))
  await writeFile(new URL(`../docs/${page}`, import.meta.url), await content())
