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
RG_API rg_tensor rg_eye_at(const char *site, rg_tape *tape, rg_dtype dtype, int64_t rows, int64_t columns, int64_t diagonal);
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
RG_API rg_tensor rg_abs_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_sign_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_reciprocal_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_rsqrt_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_pow_at(const char *site, rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_expm1_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_log1p_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_floor_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_ceil_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_round_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_mod_at(const char *site, rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_clamp_at(const char *site, rg_tensor x, double low, double high);
RG_API rg_tensor rg_hard_tanh_at(const char *site, rg_tensor x, double low, double high);
RG_API rg_tensor rg_greater_equal_at(const char *site, rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_less_at(const char *site, rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_less_equal_at(const char *site, rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_not_equal_at(const char *site, rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_logical_and_at(const char *site, rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_logical_or_at(const char *site, rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_logical_xor_at(const char *site, rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_logical_not_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_is_finite_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_is_nan_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_tan_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_asin_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_acos_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_atan_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_atan2_at(const char *site, rg_tensor y, rg_tensor x);
RG_API rg_tensor rg_hypot_at(const char *site, rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_sinh_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_cosh_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_erfc_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_lgamma_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_digamma_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_polygamma_at(const char *site, rg_tensor x, int order);
RG_API rg_tensor rg_leaky_relu_at(const char *site, rg_tensor x, double slope);
RG_API rg_tensor rg_elu_at(const char *site, rg_tensor x, double alpha);
RG_API rg_tensor rg_selu_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_silu_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_gelu_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_gelu_tanh_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_log_sigmoid_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_softsign_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_adjoint_mul_at(const char *site, rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_adjoint_div_at(const char *site, rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_cast_at(const char *site, rg_tensor x, rg_dtype dtype);
RG_API rg_tensor rg_uniform_at(const char *site, rg_tensor key, rg_dtype dtype, rg_shape shape);
RG_API rg_tensor rg_standard_normal_at(const char *site, rg_tensor key, rg_dtype dtype, rg_shape shape);
RG_API rg_tensor rg_normal_at(const char *site, rg_tensor mean, rg_tensor deviation, rg_tensor key);
RG_API rg_tensor rg_bernoulli_at(const char *site, rg_tensor probability, rg_tensor key);
RG_API rg_tensor rg_permutation_at(const char *site, rg_tensor key, int64_t n);
RG_API rg_tensor rg_stop_gradient_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_dropout_at(const char *site, rg_tensor x, double probability, rg_tensor key);
RG_API rg_tensor rg_sum_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_sum_axes_at(const char *site, rg_tensor x, rg_axes axes, bool keepdims);
RG_API rg_tensor rg_mean_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_mean_axes_at(const char *site, rg_tensor x, rg_axes axes, bool keepdims);
RG_API rg_tensor rg_max_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_max_axes_at(const char *site, rg_tensor x, rg_axes axes, bool keepdims);
RG_API rg_tensor rg_logsumexp_at(const char *site, rg_tensor x, int axis, bool keepdims);
RG_API rg_tensor rg_prod_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_prod_axes_at(const char *site, rg_tensor x, rg_axes axes, bool keepdims);
RG_API rg_tensor rg_min_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_min_axes_at(const char *site, rg_tensor x, rg_axes axes, bool keepdims);
RG_API rg_tensor rg_argmax_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_argmax_axes_at(const char *site, rg_tensor x, rg_axes axes, bool keepdims);
RG_API rg_tensor rg_argmin_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_argmin_axes_at(const char *site, rg_tensor x, rg_axes axes, bool keepdims);
RG_API rg_tensor rg_logsumexp_axes_at(const char *site, rg_tensor x, rg_axes axes, bool keepdims);
RG_API rg_tensor rg_any_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_any_axes_at(const char *site, rg_tensor x, rg_axes axes, bool keepdims);
RG_API rg_tensor rg_all_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_all_axes_at(const char *site, rg_tensor x, rg_axes axes, bool keepdims);
RG_API rg_tensor rg_var_at(const char *site, rg_tensor x, double correction);
RG_API rg_tensor rg_var_axes_at(const char *site, rg_tensor x, rg_axes axes, double correction, bool keepdims);
RG_API rg_tensor rg_std_at(const char *site, rg_tensor x, double correction);
RG_API rg_tensor rg_std_axes_at(const char *site, rg_tensor x, rg_axes axes, double correction, bool keepdims);
RG_API rg_tensor rg_norm_at(const char *site, rg_tensor x, double p);
RG_API rg_tensor rg_norm_axes_at(const char *site, rg_tensor x, double p, rg_axes axes, bool keepdims);
RG_API rg_tensor rg_cumsum_at(const char *site, rg_tensor x, int axis);
RG_API rg_tensor rg_cumprod_at(const char *site, rg_tensor x, int axis);
RG_API rg_tensor rg_sort_at(const char *site, rg_tensor x, int axis, bool descending);
RG_API rg_tensor rg_argsort_at(const char *site, rg_tensor x, int axis, bool descending);
RG_API rg_tensor rg_top_k_at(const char *site, rg_tensor x, int64_t k, int axis, bool largest, rg_tensor *places);
RG_API rg_tensor rg_matmul_at(const char *site, rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_inner_at(const char *site, rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_outer_at(const char *site, rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_einsum_at(const char *site, const char *subscripts, int n, const rg_tensor *operands);
RG_API rg_tensor rg_cholesky_at(const char *site, rg_tensor a);
RG_API rg_tensor rg_cholesky_solve_at(const char *site, rg_tensor l, rg_tensor b);
RG_API rg_tensor rg_triangular_solve_at(const char *site, rg_tensor a, rg_tensor b, int how);
RG_API rg_tensor rg_solve_at(const char *site, rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_inverse_at(const char *site, rg_tensor a);
RG_API rg_tensor rg_determinant_at(const char *site, rg_tensor a);
RG_API rg_tensor rg_logdet_at(const char *site, rg_tensor a);
RG_API rg_tensor rg_slogdet_at(const char *site, rg_tensor a, rg_tensor *sign);
RG_API rg_tensor rg_transpose_at(const char *site, rg_tensor x);
RG_API rg_tensor rg_permute_at(const char *site, rg_tensor x, rg_axes order);
RG_API rg_tensor rg_reshape_at(const char *site, rg_tensor x, rg_shape shape);
RG_API rg_tensor rg_expand_at(const char *site, rg_tensor x, rg_shape shape);
RG_API rg_tensor rg_slice_at(const char *site, rg_tensor x, int axis, int64_t start, int64_t stop);
RG_API rg_tensor rg_pad_at(const char *site, rg_tensor x, int axis, int64_t before, int64_t after);
RG_API rg_tensor rg_concat_at(const char *site, int n, const rg_tensor *parts, int axis);
RG_API rg_tensor rg_squeeze_at(const char *site, rg_tensor x, int axis);
RG_API rg_tensor rg_unsqueeze_at(const char *site, rg_tensor x, int axis);
RG_API rg_tensor rg_slice_step_at(const char *site, rg_tensor x, int axis, int64_t start, int64_t count, int64_t step);
RG_API rg_tensor rg_flip_at(const char *site, rg_tensor x, rg_axes axes);
RG_API rg_tensor rg_diagonal_at(const char *site, rg_tensor x, int64_t diagonal);
RG_API rg_tensor rg_unfold_at(const char *site, rg_tensor x, int axis, int64_t size, int64_t step);
RG_API rg_tensor rg_tile_at(const char *site, rg_tensor x, rg_shape times);
RG_API rg_tensor rg_repeat_at(const char *site, rg_tensor x, int axis, int64_t times);
RG_API rg_tensor rg_tril_at(const char *site, rg_tensor x, int64_t diagonal);
RG_API rg_tensor rg_triu_at(const char *site, rg_tensor x, int64_t diagonal);
RG_API rg_tensor rg_pad_value_at(const char *site, rg_tensor x, int axis, int64_t before, int64_t after, double value);
RG_API rg_tensor rg_pad_reflect_at(const char *site, rg_tensor x, int axis, int64_t before, int64_t after);
RG_API rg_tensor rg_pad_replicate_at(const char *site, rg_tensor x, int axis, int64_t before, int64_t after);
RG_API rg_tensor rg_pad_circular_at(const char *site, rg_tensor x, int axis, int64_t before, int64_t after);
RG_API rg_tensor rg_stack_at(const char *site, int n, const rg_tensor *parts, int axis);
RG_API rg_status rg_split_at(const char *site, rg_tensor x, int axis, int n, const int64_t *sizes, rg_tensor *out);
RG_API rg_tensor rg_roll_at(const char *site, rg_tensor x, int axis, int64_t shift);
RG_API rg_tensor rg_diag_at(const char *site, rg_tensor x, int64_t diagonal);
RG_API rg_tensor rg_overlap_add_at(const char *site, rg_tensor windows, int axis, int64_t n, int64_t step);
RG_API rg_tensor rg_gather_rows_at(const char *site, rg_tensor table, rg_tensor index);
RG_API rg_tensor rg_scatter_rows_at(const char *site, rg_tensor g, rg_tensor index, int64_t rows);
RG_API rg_tensor rg_one_hot_at(const char *site, rg_tensor labels, int64_t classes, rg_dtype dtype);
RG_API rg_tensor rg_index_select_at(const char *site, rg_tensor x, int axis, rg_tensor index);
RG_API rg_tensor rg_gather_at(const char *site, rg_tensor x, int axis, rg_tensor index);
RG_API rg_tensor rg_scatter_add_at(const char *site, rg_tensor g, int axis, rg_tensor index, int64_t n);
RG_API rg_tensor rg_segment_sum_at(const char *site, rg_tensor x, rg_tensor segments, int64_t count);
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
RG_API rg_status rg_semiring_solve_at(const char *site, const rg_semiring *semiring, const rg_tensor *y, int outputs,
                                      const rg_tensor *wrt, int n, void *out, rg_sweep_size *size);
RG_API rg_status rg_strongest_path_at(const char *site, rg_tensor y, rg_tensor x, rg_tensor *path, size_t most, size_t *count);
RG_API rg_status rg_naive_recursion_at(const char *site, rg_tensor y, const rg_tensor *wrt, int n, uint64_t most, double *out,
                                       uint64_t *visits);
RG_API rg_explanation *rg_explain_at(const char *site, rg_tensor y, const rg_explain_options *options);
RG_API rg_tensor rg_batch_member_at(const char *site, rg_tensor batch);
RG_API void rg_checkpoint_begin_at(const char *site, rg_tape *tape);
RG_API void rg_checkpoint_end_at(const char *site, rg_tape *tape);
RG_API rg_tensor rg_chain_forward_at(const char *site, const rg_chain *chain, rg_tensor x,
                                     const rg_checkpoint_schedule *schedule);
RG_API rg_status rg_chain_measure_at(const char *site, const rg_chain *chain, rg_tensor x, rg_stage *stages);
RG_API size_t rg_chain_workspace_at(const char *site, const rg_chain *chain, rg_tensor x,
                                    const rg_checkpoint_schedule *schedule);
RG_API rg_checkpoint_schedule *rg_chain_plan_at(const char *site, const rg_chain *chain, rg_tensor x, size_t budget);
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
#define rg_eye(...) rg_eye_at(RG_SITE, __VA_ARGS__)
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
#define rg_abs(...) rg_abs_at(RG_SITE, __VA_ARGS__)
#define rg_sign(...) rg_sign_at(RG_SITE, __VA_ARGS__)
#define rg_reciprocal(...) rg_reciprocal_at(RG_SITE, __VA_ARGS__)
#define rg_rsqrt(...) rg_rsqrt_at(RG_SITE, __VA_ARGS__)
#define rg_pow(...) rg_pow_at(RG_SITE, __VA_ARGS__)
#define rg_expm1(...) rg_expm1_at(RG_SITE, __VA_ARGS__)
#define rg_log1p(...) rg_log1p_at(RG_SITE, __VA_ARGS__)
#define rg_floor(...) rg_floor_at(RG_SITE, __VA_ARGS__)
#define rg_ceil(...) rg_ceil_at(RG_SITE, __VA_ARGS__)
#define rg_round(...) rg_round_at(RG_SITE, __VA_ARGS__)
#define rg_mod(...) rg_mod_at(RG_SITE, __VA_ARGS__)
#define rg_clamp(...) rg_clamp_at(RG_SITE, __VA_ARGS__)
#define rg_hard_tanh(...) rg_hard_tanh_at(RG_SITE, __VA_ARGS__)
#define rg_greater_equal(...) rg_greater_equal_at(RG_SITE, __VA_ARGS__)
#define rg_less(...) rg_less_at(RG_SITE, __VA_ARGS__)
#define rg_less_equal(...) rg_less_equal_at(RG_SITE, __VA_ARGS__)
#define rg_not_equal(...) rg_not_equal_at(RG_SITE, __VA_ARGS__)
#define rg_logical_and(...) rg_logical_and_at(RG_SITE, __VA_ARGS__)
#define rg_logical_or(...) rg_logical_or_at(RG_SITE, __VA_ARGS__)
#define rg_logical_xor(...) rg_logical_xor_at(RG_SITE, __VA_ARGS__)
#define rg_logical_not(...) rg_logical_not_at(RG_SITE, __VA_ARGS__)
#define rg_is_finite(...) rg_is_finite_at(RG_SITE, __VA_ARGS__)
#define rg_is_nan(...) rg_is_nan_at(RG_SITE, __VA_ARGS__)
#define rg_tan(...) rg_tan_at(RG_SITE, __VA_ARGS__)
#define rg_asin(...) rg_asin_at(RG_SITE, __VA_ARGS__)
#define rg_acos(...) rg_acos_at(RG_SITE, __VA_ARGS__)
#define rg_atan(...) rg_atan_at(RG_SITE, __VA_ARGS__)
#define rg_atan2(...) rg_atan2_at(RG_SITE, __VA_ARGS__)
#define rg_hypot(...) rg_hypot_at(RG_SITE, __VA_ARGS__)
#define rg_sinh(...) rg_sinh_at(RG_SITE, __VA_ARGS__)
#define rg_cosh(...) rg_cosh_at(RG_SITE, __VA_ARGS__)
#define rg_erfc(...) rg_erfc_at(RG_SITE, __VA_ARGS__)
#define rg_lgamma(...) rg_lgamma_at(RG_SITE, __VA_ARGS__)
#define rg_digamma(...) rg_digamma_at(RG_SITE, __VA_ARGS__)
#define rg_polygamma(...) rg_polygamma_at(RG_SITE, __VA_ARGS__)
#define rg_leaky_relu(...) rg_leaky_relu_at(RG_SITE, __VA_ARGS__)
#define rg_elu(...) rg_elu_at(RG_SITE, __VA_ARGS__)
#define rg_selu(...) rg_selu_at(RG_SITE, __VA_ARGS__)
#define rg_silu(...) rg_silu_at(RG_SITE, __VA_ARGS__)
#define rg_gelu(...) rg_gelu_at(RG_SITE, __VA_ARGS__)
#define rg_gelu_tanh(...) rg_gelu_tanh_at(RG_SITE, __VA_ARGS__)
#define rg_log_sigmoid(...) rg_log_sigmoid_at(RG_SITE, __VA_ARGS__)
#define rg_softsign(...) rg_softsign_at(RG_SITE, __VA_ARGS__)
#define rg_adjoint_mul(...) rg_adjoint_mul_at(RG_SITE, __VA_ARGS__)
#define rg_adjoint_div(...) rg_adjoint_div_at(RG_SITE, __VA_ARGS__)
#define rg_cast(...) rg_cast_at(RG_SITE, __VA_ARGS__)
#define rg_uniform(...) rg_uniform_at(RG_SITE, __VA_ARGS__)
#define rg_standard_normal(...) rg_standard_normal_at(RG_SITE, __VA_ARGS__)
#define rg_normal(...) rg_normal_at(RG_SITE, __VA_ARGS__)
#define rg_bernoulli(...) rg_bernoulli_at(RG_SITE, __VA_ARGS__)
#define rg_permutation(...) rg_permutation_at(RG_SITE, __VA_ARGS__)
#define rg_stop_gradient(...) rg_stop_gradient_at(RG_SITE, __VA_ARGS__)
#define rg_dropout(...) rg_dropout_at(RG_SITE, __VA_ARGS__)
#define rg_sum(...) rg_sum_at(RG_SITE, __VA_ARGS__)
#define rg_sum_axes(...) rg_sum_axes_at(RG_SITE, __VA_ARGS__)
#define rg_mean(...) rg_mean_at(RG_SITE, __VA_ARGS__)
#define rg_mean_axes(...) rg_mean_axes_at(RG_SITE, __VA_ARGS__)
#define rg_max(...) rg_max_at(RG_SITE, __VA_ARGS__)
#define rg_max_axes(...) rg_max_axes_at(RG_SITE, __VA_ARGS__)
#define rg_logsumexp(...) rg_logsumexp_at(RG_SITE, __VA_ARGS__)
#define rg_prod(...) rg_prod_at(RG_SITE, __VA_ARGS__)
#define rg_prod_axes(...) rg_prod_axes_at(RG_SITE, __VA_ARGS__)
#define rg_min(...) rg_min_at(RG_SITE, __VA_ARGS__)
#define rg_min_axes(...) rg_min_axes_at(RG_SITE, __VA_ARGS__)
#define rg_argmax(...) rg_argmax_at(RG_SITE, __VA_ARGS__)
#define rg_argmax_axes(...) rg_argmax_axes_at(RG_SITE, __VA_ARGS__)
#define rg_argmin(...) rg_argmin_at(RG_SITE, __VA_ARGS__)
#define rg_argmin_axes(...) rg_argmin_axes_at(RG_SITE, __VA_ARGS__)
#define rg_logsumexp_axes(...) rg_logsumexp_axes_at(RG_SITE, __VA_ARGS__)
#define rg_any(...) rg_any_at(RG_SITE, __VA_ARGS__)
#define rg_any_axes(...) rg_any_axes_at(RG_SITE, __VA_ARGS__)
#define rg_all(...) rg_all_at(RG_SITE, __VA_ARGS__)
#define rg_all_axes(...) rg_all_axes_at(RG_SITE, __VA_ARGS__)
#define rg_var(...) rg_var_at(RG_SITE, __VA_ARGS__)
#define rg_var_axes(...) rg_var_axes_at(RG_SITE, __VA_ARGS__)
#define rg_std(...) rg_std_at(RG_SITE, __VA_ARGS__)
#define rg_std_axes(...) rg_std_axes_at(RG_SITE, __VA_ARGS__)
#define rg_norm(...) rg_norm_at(RG_SITE, __VA_ARGS__)
#define rg_norm_axes(...) rg_norm_axes_at(RG_SITE, __VA_ARGS__)
#define rg_cumsum(...) rg_cumsum_at(RG_SITE, __VA_ARGS__)
#define rg_cumprod(...) rg_cumprod_at(RG_SITE, __VA_ARGS__)
#define rg_sort(...) rg_sort_at(RG_SITE, __VA_ARGS__)
#define rg_argsort(...) rg_argsort_at(RG_SITE, __VA_ARGS__)
#define rg_top_k(...) rg_top_k_at(RG_SITE, __VA_ARGS__)
#define rg_matmul(...) rg_matmul_at(RG_SITE, __VA_ARGS__)
#define rg_inner(...) rg_inner_at(RG_SITE, __VA_ARGS__)
#define rg_outer(...) rg_outer_at(RG_SITE, __VA_ARGS__)
#define rg_einsum(...) rg_einsum_at(RG_SITE, __VA_ARGS__)
#define rg_cholesky(...) rg_cholesky_at(RG_SITE, __VA_ARGS__)
#define rg_cholesky_solve(...) rg_cholesky_solve_at(RG_SITE, __VA_ARGS__)
#define rg_triangular_solve(...) rg_triangular_solve_at(RG_SITE, __VA_ARGS__)
#define rg_solve(...) rg_solve_at(RG_SITE, __VA_ARGS__)
#define rg_inverse(...) rg_inverse_at(RG_SITE, __VA_ARGS__)
#define rg_determinant(...) rg_determinant_at(RG_SITE, __VA_ARGS__)
#define rg_logdet(...) rg_logdet_at(RG_SITE, __VA_ARGS__)
#define rg_slogdet(...) rg_slogdet_at(RG_SITE, __VA_ARGS__)
#define rg_transpose(...) rg_transpose_at(RG_SITE, __VA_ARGS__)
#define rg_permute(...) rg_permute_at(RG_SITE, __VA_ARGS__)
#define rg_reshape(...) rg_reshape_at(RG_SITE, __VA_ARGS__)
#define rg_expand(...) rg_expand_at(RG_SITE, __VA_ARGS__)
#define rg_slice(...) rg_slice_at(RG_SITE, __VA_ARGS__)
#define rg_pad(...) rg_pad_at(RG_SITE, __VA_ARGS__)
#define rg_concat(...) rg_concat_at(RG_SITE, __VA_ARGS__)
#define rg_squeeze(...) rg_squeeze_at(RG_SITE, __VA_ARGS__)
#define rg_unsqueeze(...) rg_unsqueeze_at(RG_SITE, __VA_ARGS__)
#define rg_slice_step(...) rg_slice_step_at(RG_SITE, __VA_ARGS__)
#define rg_flip(...) rg_flip_at(RG_SITE, __VA_ARGS__)
#define rg_diagonal(...) rg_diagonal_at(RG_SITE, __VA_ARGS__)
#define rg_unfold(...) rg_unfold_at(RG_SITE, __VA_ARGS__)
#define rg_tile(...) rg_tile_at(RG_SITE, __VA_ARGS__)
#define rg_repeat(...) rg_repeat_at(RG_SITE, __VA_ARGS__)
#define rg_tril(...) rg_tril_at(RG_SITE, __VA_ARGS__)
#define rg_triu(...) rg_triu_at(RG_SITE, __VA_ARGS__)
#define rg_pad_value(...) rg_pad_value_at(RG_SITE, __VA_ARGS__)
#define rg_pad_reflect(...) rg_pad_reflect_at(RG_SITE, __VA_ARGS__)
#define rg_pad_replicate(...) rg_pad_replicate_at(RG_SITE, __VA_ARGS__)
#define rg_pad_circular(...) rg_pad_circular_at(RG_SITE, __VA_ARGS__)
#define rg_stack(...) rg_stack_at(RG_SITE, __VA_ARGS__)
#define rg_split(...) rg_split_at(RG_SITE, __VA_ARGS__)
#define rg_roll(...) rg_roll_at(RG_SITE, __VA_ARGS__)
#define rg_diag(...) rg_diag_at(RG_SITE, __VA_ARGS__)
#define rg_overlap_add(...) rg_overlap_add_at(RG_SITE, __VA_ARGS__)
#define rg_gather_rows(...) rg_gather_rows_at(RG_SITE, __VA_ARGS__)
#define rg_scatter_rows(...) rg_scatter_rows_at(RG_SITE, __VA_ARGS__)
#define rg_one_hot(...) rg_one_hot_at(RG_SITE, __VA_ARGS__)
#define rg_index_select(...) rg_index_select_at(RG_SITE, __VA_ARGS__)
#define rg_gather(...) rg_gather_at(RG_SITE, __VA_ARGS__)
#define rg_scatter_add(...) rg_scatter_add_at(RG_SITE, __VA_ARGS__)
#define rg_segment_sum(...) rg_segment_sum_at(RG_SITE, __VA_ARGS__)
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
#define rg_semiring_solve(...) rg_semiring_solve_at(RG_SITE, __VA_ARGS__)
#define rg_strongest_path(...) rg_strongest_path_at(RG_SITE, __VA_ARGS__)
#define rg_naive_recursion(...) rg_naive_recursion_at(RG_SITE, __VA_ARGS__)
#define rg_explain(...) rg_explain_at(RG_SITE, __VA_ARGS__)
#define rg_batch_member(...) rg_batch_member_at(RG_SITE, __VA_ARGS__)
#define rg_checkpoint_begin(...) rg_checkpoint_begin_at(RG_SITE, __VA_ARGS__)
#define rg_checkpoint_end(...) rg_checkpoint_end_at(RG_SITE, __VA_ARGS__)
#define rg_chain_forward(...) rg_chain_forward_at(RG_SITE, __VA_ARGS__)
#define rg_chain_measure(...) rg_chain_measure_at(RG_SITE, __VA_ARGS__)
#define rg_chain_workspace(...) rg_chain_workspace_at(RG_SITE, __VA_ARGS__)
#define rg_chain_plan(...) rg_chain_plan_at(RG_SITE, __VA_ARGS__)
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
