import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { withTables } from './scale/page.ts'
import { TABLES } from './scale/tables.ts'

/** Prints the tables of docs/scale.md; with `--write`, puts them there. */
const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } })
const page = new URL('../docs/scale.md', import.meta.url)
if (values.write) writeFileSync(page, withTables(readFileSync(page, 'utf8')))
else for (const [name, content] of Object.entries(TABLES)) console.log(`${name}\n\n${content()}\n`)
