import { render } from 'preact'
import { startSession } from './session.ts'
import { Shell, startFailure } from './shell.tsx'

const app = document.getElementById('app')
if (!app) throw new Error('index.html has no #app')
render(<Shell />, app)
startSession().catch((error: unknown) => {
  startFailure.value = error
})
