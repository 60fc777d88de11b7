/* sites.h: every recording call names the line it stands on.
 *
 * rg_f(...) is a macro for rg_f_at(site, ...) with the caller's "file:line" as site, so that a message
 * points at the line you wrote even when calls nest. The plain function rg_f exists as well: it is what
 * you get when you take its address (rg_nn_mlp(theta, rg_tanh, ...)) or call it as (rg_f)(...); it stamps
 * the site of the layer that called it, if any. A layer of your own takes a site and hands it down.
 * Define RG_NO_SITES before the include to have plain functions only. */
#ifndef RETROGRAD_SITES_H
#define RETROGRAD_SITES_H

#define RG_STRING_OF(x) #x
#define RG_STRING(x) RG_STRING_OF(x)
/* The line this stands on, as one literal. */
#define RG_SITE (__FILE__ ":" RG_STRING(__LINE__))

RG_API rg_tensor rg_input_at(const char *site, rg_tape *tape, rg_dtype dtype, rg_shape shape, const void *data);
RG_API rg_tensor rg_input_borrowed_at(const char *site, rg_tape *tape, rg_dtype dtype, rg_shape shape, const void *data);
RG_API rg_tensor rg_constant_at(const char *site, rg_tape *tape, rg_dtype dtype, rg_shape shape, const void *data);
RG_API rg_tensor rg_scalar_at(const char *site, rg_tape *tape, rg_dtype dtype, double value);
RG_API rg_tensor rg_full_at(const char *site, rg_tape *tape, rg_dtype dtype, rg_shape shape, double value);
RG_API rg_tensor rg_parameter_at(const char *site, rg_tape *tape, rg_param param);
RG_API rg_tensor rg_random_key_at(const char *site, rg_tape *tape, uint64_t seed, uint64_t stream);
RG_API rg_tensor rg_random_draw_at(const char *site, rg_tape *tape, rg_params *store);
RG_API rg_tensor rg_add_at(const char *site, rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_sub_at(const char *site, rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_mul_at(const char *site, rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_div_at(const char *site, rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_neg_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_exp_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_log_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_sqrt_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_square_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_sin_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_cos_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_erf_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_tanh_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_sigmoid_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_relu_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_softplus_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_power_at(const char *site, rg_tensor x, double exponent);
RG_API rg_tensor rg_maximum_at(const char *site, rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_minimum_at(const char *site, rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_scale_at(const char *site, rg_tensor x, double factor);
RG_API rg_tensor rg_shift_at(const char *site, rg_tensor x, double offset);
RG_API rg_tensor rg_one_minus_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_greater_at(const char *site, rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_equal_at(const char *site, rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_where_at(const char *site, rg_tensor mask, rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_stop_gradient_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_dropout_at(const char *site, rg_tensor x, double probability, rg_tensor key);
RG_API rg_tensor rg_sum_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_sum_axes_at(const char *site, rg_tensor x, rg_axes axes, bool keepdims);
RG_API rg_tensor rg_mean_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_mean_axes_at(const char *site, rg_tensor x, rg_axes axes, bool keepdims);
RG_API rg_tensor rg_max_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_max_axes_at(const char *site, rg_tensor x, rg_axes axes, bool keepdims);
RG_API rg_tensor rg_logsumexp_at(const char *site, rg_tensor x, int axis, bool keepdims);
RG_API rg_tensor rg_matmul_at(const char *site, rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_transpose_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_permute_at(const char *site, rg_tensor x, rg_axes order);
RG_API rg_tensor rg_reshape_at(const char *site, rg_tensor x, rg_shape shape);
RG_API rg_tensor rg_expand_at(const char *site, rg_tensor x, rg_shape shape);
RG_API rg_tensor rg_slice_at(const char *site, rg_tensor x, int axis, int64_t start, int64_t stop);
RG_API rg_tensor rg_pad_at(const char *site, rg_tensor x, int axis, int64_t before, int64_t after);
RG_API rg_tensor rg_concat_at(const char *site, int n, const rg_tensor *parts, int axis);
RG_API rg_tensor rg_gather_rows_at(const char *site, rg_tensor table, rg_tensor index);
RG_API rg_tensor rg_scatter_rows_at(const char *site, rg_tensor g, rg_tensor index, int64_t rows);
RG_API rg_tensor rg_one_hot_at(const char *site, rg_tensor labels, int64_t classes, rg_dtype dtype);
RG_API rg_tensor rg_softmax_at(const char *site, rg_tensor x, int axis);
RG_API rg_tensor rg_log_softmax_at(const char *site, rg_tensor x, int axis);
RG_API rg_tensor rg_cross_entropy_at(const char *site, rg_tensor logits, rg_tensor labels);
RG_API rg_tensor rg_cross_entropy_rows_at(const char *site, rg_tensor logits, rg_tensor labels);
RG_API rg_tensor rg_mse_at(const char *site, rg_tensor prediction, rg_tensor target);
RG_API rg_tensor rg_binary_cross_entropy_at(const char *site, rg_tensor logits, rg_tensor targets);
RG_API rg_status rg_eval_at(const char *site, int n, const rg_tensor *tensors);
RG_API double rg_item_at(const char *site, rg_tensor t);
RG_API const void *rg_data_at(const char *site, rg_tensor t);
RG_API rg_status rg_read_at(const char *site, rg_tensor t, void *out, size_t bytes);
RG_API rg_status rg_grad_at(const char *site, rg_tensor y, const rg_tensor *wrt, int n, rg_tensor *out);
RG_API rg_status rg_vjp_at(const char *site, rg_tensor y, rg_tensor seed, const rg_tensor *wrt, int n, rg_tensor *out);
RG_API rg_status rg_vjp_many_at(const char *site, const rg_tensor *y, const rg_tensor *seeds, int outputs,
                                const rg_tensor *wrt, int n, rg_tensor *out);
RG_API rg_status rg_jvp_at(const char *site, rg_tensor y, const rg_tensor *wrt, const rg_tensor *tangents, int n, rg_tensor *out);
RG_API rg_status rg_jvp_many_at(const char *site, const rg_tensor *y, int outputs, const rg_tensor *wrt,
                                const rg_tensor *tangents, int n, rg_tensor *out);
RG_API rg_status rg_hvp_at(const char *site, rg_tensor y, const rg_tensor *wrt, const rg_tensor *v, int n, rg_tensor *out);
RG_API rg_status rg_jacobian_at(const char *site, rg_tensor y, const rg_tensor *wrt, int n, rg_tensor *out);
RG_API rg_status rg_hessian_at(const char *site, rg_tensor y, const rg_tensor *wrt, int n, rg_tensor *out);
RG_API rg_status rg_vmap_at(const char *site, const rg_tensor *y, int outputs, const rg_tensor *x, const rg_tensor *batches,
                            int n, rg_tensor *out);
RG_API rg_tensor rg_batch_member_at(const char *site, rg_tensor batch);
RG_API void rg_checkpoint_begin_at(const char *site, rg_tape *tape);
RG_API void rg_checkpoint_end_at(const char *site, rg_tape *tape);
RG_API rg_mark rg_tape_mark_at(const char *site, rg_tape *tape);
RG_API rg_status rg_tape_rewind_at(const char *site, rg_mark mark);
RG_API rg_tensor rg_custom_vjp_at(const char *site, rg_tensor y, const rg_tensor *x, int n, rg_custom_rule *rule, void *context);
RG_API rg_tensor rg_hook_at(const char *site, rg_tensor x, rg_adjoint_hook *hook, void *context);
RG_API rg_status rg_tape_check_finite_at(const char *site, rg_tape *tape, rg_tensor loss, rg_finite_report *report);
RG_API rg_status rg_backward_at(const char *site, rg_tensor loss);
RG_API rg_status rg_backward_seeded_at(const char *site, rg_tensor y, rg_tensor seed);
RG_API rg_program *rg_compile_at(const char *site, int inputs, const rg_tensor *in, int outputs, const rg_tensor *out);
RG_API rg_program *rg_compile_backward_at(const char *site, rg_tensor loss, int inputs, const rg_tensor *in);
RG_API rg_tensor rg_apply_at(const char *site, const rg_op *op, const void *attributes, int n, const rg_tensor *in);

#ifndef RG_NO_SITES
#define rg_input(...) rg_input_at(RG_SITE, __VA_ARGS__)
#define rg_input_borrowed(...) rg_input_borrowed_at(RG_SITE, __VA_ARGS__)
#define rg_constant(...) rg_constant_at(RG_SITE, __VA_ARGS__)
#define rg_scalar(...) rg_scalar_at(RG_SITE, __VA_ARGS__)
#define rg_full(...) rg_full_at(RG_SITE, __VA_ARGS__)
#define rg_parameter(...) rg_parameter_at(RG_SITE, __VA_ARGS__)
#define rg_random_key(...) rg_random_key_at(RG_SITE, __VA_ARGS__)
#define rg_random_draw(...) rg_random_draw_at(RG_SITE, __VA_ARGS__)
#define rg_add(...) rg_add_at(RG_SITE, __VA_ARGS__)
#define rg_sub(...) rg_sub_at(RG_SITE, __VA_ARGS__)
#define rg_mul(...) rg_mul_at(RG_SITE, __VA_ARGS__)
#define rg_div(...) rg_div_at(RG_SITE, __VA_ARGS__)
#define rg_neg(...) rg_neg_at(RG_SITE, __VA_ARGS__)
#define rg_exp(...) rg_exp_at(RG_SITE, __VA_ARGS__)
#define rg_log(...) rg_log_at(RG_SITE, __VA_ARGS__)
#define rg_sqrt(...) rg_sqrt_at(RG_SITE, __VA_ARGS__)
#define rg_square(...) rg_square_at(RG_SITE, __VA_ARGS__)
#define rg_sin(...) rg_sin_at(RG_SITE, __VA_ARGS__)
#define rg_cos(...) rg_cos_at(RG_SITE, __VA_ARGS__)
#define rg_erf(...) rg_erf_at(RG_SITE, __VA_ARGS__)
#define rg_tanh(...) rg_tanh_at(RG_SITE, __VA_ARGS__)
#define rg_sigmoid(...) rg_sigmoid_at(RG_SITE, __VA_ARGS__)
#define rg_relu(...) rg_relu_at(RG_SITE, __VA_ARGS__)
#define rg_softplus(...) rg_softplus_at(RG_SITE, __VA_ARGS__)
#define rg_power(...) rg_power_at(RG_SITE, __VA_ARGS__)
#define rg_maximum(...) rg_maximum_at(RG_SITE, __VA_ARGS__)
#define rg_minimum(...) rg_minimum_at(RG_SITE, __VA_ARGS__)
#define rg_scale(...) rg_scale_at(RG_SITE, __VA_ARGS__)
#define rg_shift(...) rg_shift_at(RG_SITE, __VA_ARGS__)
#define rg_one_minus(...) rg_one_minus_at(RG_SITE, __VA_ARGS__)
#define rg_greater(...) rg_greater_at(RG_SITE, __VA_ARGS__)
#define rg_equal(...) rg_equal_at(RG_SITE, __VA_ARGS__)
#define rg_where(...) rg_where_at(RG_SITE, __VA_ARGS__)
#define rg_stop_gradient(...) rg_stop_gradient_at(RG_SITE, __VA_ARGS__)
#define rg_dropout(...) rg_dropout_at(RG_SITE, __VA_ARGS__)
#define rg_sum(...) rg_sum_at(RG_SITE, __VA_ARGS__)
#define rg_sum_axes(...) rg_sum_axes_at(RG_SITE, __VA_ARGS__)
#define rg_mean(...) rg_mean_at(RG_SITE, __VA_ARGS__)
#define rg_mean_axes(...) rg_mean_axes_at(RG_SITE, __VA_ARGS__)
#define rg_max(...) rg_max_at(RG_SITE, __VA_ARGS__)
#define rg_max_axes(...) rg_max_axes_at(RG_SITE, __VA_ARGS__)
#define rg_logsumexp(...) rg_logsumexp_at(RG_SITE, __VA_ARGS__)
#define rg_matmul(...) rg_matmul_at(RG_SITE, __VA_ARGS__)
#define rg_transpose(...) rg_transpose_at(RG_SITE, __VA_ARGS__)
#define rg_permute(...) rg_permute_at(RG_SITE, __VA_ARGS__)
#define rg_reshape(...) rg_reshape_at(RG_SITE, __VA_ARGS__)
#define rg_expand(...) rg_expand_at(RG_SITE, __VA_ARGS__)
#define rg_slice(...) rg_slice_at(RG_SITE, __VA_ARGS__)
#define rg_pad(...) rg_pad_at(RG_SITE, __VA_ARGS__)
#define rg_concat(...) rg_concat_at(RG_SITE, __VA_ARGS__)
#define rg_gather_rows(...) rg_gather_rows_at(RG_SITE, __VA_ARGS__)
#define rg_scatter_rows(...) rg_scatter_rows_at(RG_SITE, __VA_ARGS__)
#define rg_one_hot(...) rg_one_hot_at(RG_SITE, __VA_ARGS__)
#define rg_softmax(...) rg_softmax_at(RG_SITE, __VA_ARGS__)
#define rg_log_softmax(...) rg_log_softmax_at(RG_SITE, __VA_ARGS__)
#define rg_cross_entropy(...) rg_cross_entropy_at(RG_SITE, __VA_ARGS__)
#define rg_cross_entropy_rows(...) rg_cross_entropy_rows_at(RG_SITE, __VA_ARGS__)
#define rg_mse(...) rg_mse_at(RG_SITE, __VA_ARGS__)
#define rg_binary_cross_entropy(...) rg_binary_cross_entropy_at(RG_SITE, __VA_ARGS__)
#define rg_eval(...) rg_eval_at(RG_SITE, __VA_ARGS__)
#define rg_item(...) rg_item_at(RG_SITE, __VA_ARGS__)
#define rg_data(...) rg_data_at(RG_SITE, __VA_ARGS__)
#define rg_read(...) rg_read_at(RG_SITE, __VA_ARGS__)
#define rg_grad(...) rg_grad_at(RG_SITE, __VA_ARGS__)
#define rg_vjp(...) rg_vjp_at(RG_SITE, __VA_ARGS__)
#define rg_vjp_many(...) rg_vjp_many_at(RG_SITE, __VA_ARGS__)
#define rg_jvp(...) rg_jvp_at(RG_SITE, __VA_ARGS__)
#define rg_jvp_many(...) rg_jvp_many_at(RG_SITE, __VA_ARGS__)
#define rg_hvp(...) rg_hvp_at(RG_SITE, __VA_ARGS__)
#define rg_jacobian(...) rg_jacobian_at(RG_SITE, __VA_ARGS__)
#define rg_hessian(...) rg_hessian_at(RG_SITE, __VA_ARGS__)
#define rg_vmap(...) rg_vmap_at(RG_SITE, __VA_ARGS__)
#define rg_batch_member(...) rg_batch_member_at(RG_SITE, __VA_ARGS__)
#define rg_checkpoint_begin(...) rg_checkpoint_begin_at(RG_SITE, __VA_ARGS__)
#define rg_checkpoint_end(...) rg_checkpoint_end_at(RG_SITE, __VA_ARGS__)
#define rg_tape_mark(...) rg_tape_mark_at(RG_SITE, __VA_ARGS__)
#define rg_tape_rewind(...) rg_tape_rewind_at(RG_SITE, __VA_ARGS__)
#define rg_custom_vjp(...) rg_custom_vjp_at(RG_SITE, __VA_ARGS__)
#define rg_hook(...) rg_hook_at(RG_SITE, __VA_ARGS__)
#define rg_tape_check_finite(...) rg_tape_check_finite_at(RG_SITE, __VA_ARGS__)
#define rg_backward(...) rg_backward_at(RG_SITE, __VA_ARGS__)
#define rg_backward_seeded(...) rg_backward_seeded_at(RG_SITE, __VA_ARGS__)
#define rg_compile(...) rg_compile_at(RG_SITE, __VA_ARGS__)
#define rg_compile_backward(...) rg_compile_backward_at(RG_SITE, __VA_ARGS__)
#define rg_apply(...) rg_apply_at(RG_SITE, __VA_ARGS__)
#endif

#endif
