import { sampled } from '../../kit/sample.ts'
import { runGroups } from './run.ts'
import { openFallback } from './sites.ts'
import { TABLE } from './table.ts'

const groups = TABLE.map(({ name, cases }) => ({ name, cases: sampled(cases, 3) }))

runGroups(groups, 'R2 and a fallback', openFallback)
