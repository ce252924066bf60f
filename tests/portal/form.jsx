// The page that `forms.mjs` opens: Backstage's own wizard with a template. The portal around it is played: its catalog is two
// fields of text, its texts are the English ones.
import React from 'react';
import { createRoot } from 'react-dom/client';
import { MemoryRouter } from 'react-router-dom';
import { ThemeProvider, CssBaseline } from '@material-ui/core';
import { lightTheme } from '@backstage/theme';
import { ApiProvider } from '@backstage/core-app-api';
import { Stepper } from '@backstage/plugin-scaffolder-react/alpha';

const apis = {
  'core.analytics': { captureEvent() {} },
  'core.error': { post: error => { throw error; } },
  'core.featureflags': { isActive: () => false, getRegisteredFlags: () => [] },
  'core.translation': {
    getTranslation(ref) {
      const messages = ref.getDefaultMessages();
      const t = (key, values = {}) => (messages[key] ?? key).replace(/{{\s*(\w+)\s*}}/g, (_, name) => values[name]);
      return { ready: true, t };
    },
    translation$: () => ({ subscribe: () => ({ unsubscribe() {} }) }),
  },
};

/** Stands for the pickers, which ask a catalog. */
const Picker = ({ schema, required, formData, onChange, idSchema }) => (
  <label>
    {schema.title}{required ? ' *' : ''} <br />
    <input id={idSchema.$id} value={formData ?? ''} onChange={event => onChange(event.target.value || undefined)} />
    <br /><small>{schema.description}</small>
  </label>
);
const extensions = ['OwnerPicker', 'EntityPicker'].map(name => ({ name, component: Picker }));

const { template } = window;
const manifest = {
  title: template.metadata.title,
  description: template.metadata.description,
  steps: template.spec.parameters.map(({ title, description, ...schema }) => ({ title, description, schema: { title, description, ...schema } })),
};
createRoot(document.getElementById('root')).render(
  <MemoryRouter>
    <ApiProvider apis={{ get: ref => apis[ref.id] }}>
      <ThemeProvider theme={lightTheme}>
        <CssBaseline />
        <main style={{ maxWidth: 800, margin: '0 auto' }}>
          <Stepper manifest={manifest} extensions={extensions} onCreate={async values => { window.created = values; }} />
        </main>
      </ThemeProvider>
    </ApiProvider>
  </MemoryRouter>,
);
